// What the page asks of the box between turns (app/web/chat_session.py). The session's id lives in this module's memory alone.

let session = "";

export class Ended extends Error {}

export function remember(id) {
  session = id;
}

export function isOpen() {
  return session !== "";
}

async function ask(method, path, body) {
  const answer = await fetch(`/chat${path}`, {
    method,
    keepalive: path === "/finish",
    headers: { "X-Tellerbox-Session": session, ...(body ? { "Content-Type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
  if (answer.status === 410) throw new Ended();
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}

export const stay = () => ask("POST", "/stay");
export const why = (turn, language) => ask("GET", `/turns/${encodeURIComponent(turn)}/why?language=${encodeURIComponent(language)}`);
export const receipt = (turn) => ask("GET", `/turns/${encodeURIComponent(turn)}/receipt`);
export const replies = (after) => ask("GET", `/replies?after=${after}`);
export const feedback = (turn, opinion) => ask("POST", `/turns/${encodeURIComponent(turn)}/feedback`, opinion);

/** Wipes the session on the box; the page has nothing to tell whoever comes next, so a failure changes nothing. */
export async function finish() {
  if (!session) return;
  const ending = ask("POST", "/finish");
  session = "";
  await ending.catch(() => null);
}

/** Whether the box answers at all. */
export async function isReachable() {
  try {
    return (await fetch("/healthz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
