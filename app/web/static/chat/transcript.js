// The conversation on the screen. A turn arrives whole each time and is merged, so that a screen reader hears only what is new.

import { element } from "./dom.js";
import { opinion } from "./opinion.js";

export class Transcript {
  /** `log`: the element of role "log"; `open`: called with what a person wants to read beside the conversation. */
  constructor(log, open) {
    this.log = log;
    this.open = open;
    this.turns = new Map();
  }

  /** Shows a turn as far as it has come; `asked` gives what the person wrote, when the turn is new. */
  show(turn, asked) {
    let held = this.turns.get(turn.key);
    if (!held) {
      held = this.begin(turn, asked());
      this.turns.set(turn.key, held);
    }
    for (const sentence of turn.sentences.slice(held.sentences)) held.box.append(said(sentence, turn, this.open));
    held.sentences = turn.sentences.length;
    held.box.hidden = held.sentences === 0;
    held.waiting.hidden = turn.state !== "waiting";
    if (turn.state === "done" && !held.done) {
      held.done = true;
      held.article.lang = turn.language;
      held.article.dir = turn.direction;
      held.box.append(...foot(turn, this.open));
    }
    if (turn.state === "failed" && !held.done) {
      held.done = true;
      held.article.append(element("p", { class: "note failure", dir: "auto" }, turn.failure));
    }
    if (turn.state === "sent" && !held.done) {
      held.done = true;
      held.article.append(element("p", { class: "note sent", dir: "auto" }, turn.sent));
    }
    // The question stays at the top while its answer grows below it, so that one reads from the beginning.
    held.article.scrollIntoView({ block: "start", behavior: calm() ? "auto" : "smooth" });
  }

  begin(turn, question) {
    const { words } = turn;
    const person = element("div", { class: "person", dir: "auto" }, element("span", { class: "unseen", dir: "auto" }, `${words.you}: `), question);
    const box = element("div", { class: "box", hidden: true }, element("span", { class: "unseen" }, `${words.assistant}: `));
    const waiting = element("p", { class: "waiting" }, words.waiting);
    const article = element("article", { class: "turn", lang: turn.language, dir: turn.direction }, question ? person : null, waiting, box);
    this.log.append(article);
    return { article, box, waiting, sentences: 0, done: false };
  }

  /** What a teller wrote. */
  reply(text, name) {
    const who = element("span", { class: "who" }, name);
    const shown = element("article", { class: "turn" }, element("div", { class: "box teller", dir: "auto" }, who, element("p", { class: "sentence" }, text)));
    this.log.append(shown);
    shown.scrollIntoView({ block: "end", behavior: calm() ? "auto" : "smooth" });
  }

  /** Something that is said between turns, such as that the box cannot be reached. */
  note(text) {
    const shown = element("p", { class: "note", dir: "auto" }, text);
    this.log.append(shown);
    shown.scrollIntoView({ block: "end" });
  }

  /** Ends the waiting of turns that will not go on. */
  giveUp() {
    for (const { waiting } of this.turns.values()) waiting.hidden = true;
  }
}

function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function said(sentence, turn, open) {
  const cites = sentence.sources.map((source) => cite(source, turn, open));
  return element("p", { class: `sentence ${sentence.origin}`, lang: sentence.language, dir: "auto" }, sentence.text, ...cites);
}

function cite(source, turn, open) {
  return element(
    "a",
    {
      class: "cite",
      href: source.href,
      title: `${source.title} · ${source.version}`,
      "aria-label": `${turn.words.source} ${source.number}: ${source.title}`,
      click: (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        open.policy(source, event.currentTarget);
      },
    },
    `${source.number}`,
  );
}

function foot(turn, open) {
  const { words } = turn;
  const parts = [];
  const sources = turn.sentences.flatMap((sentence) => sentence.sources);
  if (sources.length) parts.push(listed(sources, turn, open));
  if (turn.redacted) parts.push(element("p", { class: "redacted" }, turn.redacted));
  const why = element("button", { type: "button", class: "why", click: (event) => open.why(turn, event.currentTarget) }, words.why);
  const receipt = element("button", { type: "button", class: "receipt", click: (event) => open.receipt(turn, event.currentTarget) }, words.receipt);
  const outcome = element("span", { class: `outcome ${turn.mark}` }, turn.outcome_text);
  parts.push(element("div", { class: "foot" }, outcome, element("span", { class: "about" }, why, receipt)));
  parts.push(opinion(turn));
  return parts;
}

/** One line a policy, with the numbers of the sentences that rest on it. */
function listed(sources, turn, open) {
  const policies = new Map();
  for (const source of sources) {
    const name = `${source.title} ${source.version} ${source.language}`;
    policies.set(name, [...(policies.get(name) ?? []), source]);
  }
  const lines = [...policies.values()].map((cited) => {
    const title = element("bdi", { lang: cited[0].language }, cited[0].title);
    return element("li", {}, title, " · ", element("bdi", { dir: "ltr" }, cited[0].version), ...cited.map((source) => cite(source, turn, open)));
  });
  return element("ul", { class: "sources", "aria-label": turn.words.citations }, ...lines);
}
