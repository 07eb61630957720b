// What a person thought of an answer: yes, or no with reasons and a comment.

import { element } from "./dom.js";
import * as box from "./box.js";

/** The question under an answer, and the form that opens on "no". */
export function opinion(turn) {
  const { words } = turn;
  const name = element("span", { class: "asked", id: `useful-${turn.turn}` }, words.useful);
  const yes = element("button", { type: "button", class: "yes" }, words.yes);
  const no = element("button", { type: "button", class: "no", "aria-expanded": "false" }, words.no);
  const row = element("div", { class: "opinion", role: "group", "aria-labelledby": name.id }, name, element("span", { class: "choices" }, yes, no));
  const outer = element("div", { class: "feedback" }, row);

  const done = (text) => {
    const told = element("p", { class: "told", role: "status", tabindex: "-1" }, text);
    outer.replaceChildren(told);
    told.focus({ preventScroll: true });
  };
  const send = async (given) => {
    try {
      await box.feedback(turn.turn, given);
      done(words.thanks);
    } catch (error) {
      done(error instanceof box.Ended ? words.not_available : words.unreachable);
    }
  };
  yes.addEventListener("click", () => send({ useful: true }));
  no.addEventListener("click", () => {
    const open = no.getAttribute("aria-expanded") === "true";
    no.setAttribute("aria-expanded", String(!open));
    outer.querySelector("form")?.remove();
    if (open) return;
    outer.append(form(turn, send));
    outer.querySelector("input").focus();
    outer.scrollIntoView({ block: "nearest" });
  });
  return outer;
}

function form(turn, send) {
  const { words } = turn;
  const boxes = turn.reasons.map(([reason, text]) =>
    element("label", {}, element("input", { type: "checkbox", name: "reason", value: reason }), element("span", {}, text)),
  );
  const hint = element("small", { id: `hidden-${turn.turn}` }, words.comment_hidden);
  const comment = element("textarea", { name: "comment", rows: "2", maxlength: "2000", autocomplete: "off", "aria-describedby": hint.id });
  return element(
    "form",
    {
      autocomplete: "off",
      submit: (event) => {
        event.preventDefault();
        const given = new FormData(event.currentTarget);
        send({ useful: false, reasons: given.getAll("reason"), comment: String(given.get("comment")) });
      },
    },
    element("fieldset", {}, element("legend", {}, words.what_was_wrong), element("div", { class: "reasons" }, ...boxes)),
    element("label", { class: "comment" }, element("span", {}, words.comment), comment),
    hint,
    element("button", { type: "submit", class: "primary" }, words.send_feedback),
  );
}
