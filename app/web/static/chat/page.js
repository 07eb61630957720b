// The chat's page: puts the parts around Gradio's inputs, in the language that the box says.

import { appears, element, watchText } from "./dom.js";
import * as box from "./box.js";
import { Handoff } from "./handoff.js";
import { Idle, clock } from "./idle.js";
import { modeButtons } from "./modes.js";
import { Panel } from "./panel.js";
import { Transcript } from "./transcript.js";

const ENDED = "#ended";
const SILENCE = 6000;

class Page {
  constructor() {
    this.words = {};
    this.asked = [];
    this.idleSeconds = 0;
    this.log = element("div", { id: "log", role: "log", "aria-live": "polite", "aria-relevant": "additions" });
    this.disclosure = element("p", { class: "disclosure" });
    this.conversation = element("section", { id: "conversation", tabindex: "0" }, this.disclosure, this.log);
    this.bank = element("span", { class: "bank" });
    this.name = element("span", { class: "name" });
    this.subtitle = element("p", {});
    const mark = element("span", { class: "mark", "aria-hidden": "true" });
    this.brand = element("div", { id: "brand" }, mark, element("div", {}, element("h1", {}, this.bank, this.name), this.subtitle));
    this.left = element("span", { class: "left" });
    this.finishing = element("button", { type: "button", id: "finish", "data-word": "finish", click: () => this.end() });
    this.session = element("div", { id: "session" }, this.left, this.finishing);
    this.panel = new Panel(() => document.querySelectorAll("#bar, #talk"));
    this.modes = modeButtons(() => this.panel.refresh());
    this.transcript = new Transcript(this.log, this.panel);
    this.handoff = new Handoff({
      wrote: (text, name) => this.transcript.reply(text, name || this.words.teller),
      alive: () => this.idle.begin(this.idleSeconds),
      shown: () => this.conversation.scrollTo({ top: this.conversation.scrollHeight }),
    });
    this.warning = this.makeWarning();
    this.idle = new Idle({
      stay: () => this.stay(),
      tick: (seconds, warn) => this.tick(seconds, warn),
      expire: () => this.end(),
    });
  }

  makeWarning() {
    const seconds = element("p", { class: "seconds", "aria-hidden": "true" });
    const stay = element("button", { type: "button", class: "primary", "data-word": "stay", click: () => this.remain() });
    const finish = element("button", { type: "button", "data-word": "finish", click: () => this.end() });
    const cancel = (event) => {
      event.preventDefault();
      this.remain();
    };
    return element(
      "dialog",
      { id: "warning", "aria-labelledby": "warning-heading", "aria-describedby": "warning-text", cancel },
      element("h2", { id: "warning-heading", "data-word": "still_there" }),
      element("p", { id: "warning-text", "data-word": "about_to_erase" }),
      seconds,
      element("div", { class: "choices" }, stay, finish),
    );
  }

  async place() {
    const parts = ["#bar", "#talk", "#words", "#turn", "#examples", "#ask"];
    const [bar, talk, words, turn, examples, ask] = await Promise.all(parts.map(appears));
    bar.prepend(this.brand, this.modes);
    talk.prepend(this.conversation);
    examples.before(element("h2", { id: "examples-heading", "data-word": "examples" }));
    ask.before(this.handoff.bar);
    talk.append(this.session);
    talk.after(this.panel.root);
    document.body.append(this.warning);
    watchText(words, (text) => this.speak(JSON.parse(text)));
    watchText(turn, (text) => this.hear(JSON.parse(text)));
    talk.addEventListener("input", () => this.typed());
    this.listen();
    addEventListener("pagehide", () => box.finish());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  /** Notes what is asked before Gradio takes it: the box does not send back what was typed. */
  listen() {
    const field = () => document.querySelector("#question textarea").value.trim();
    const keyed = (event) => {
      const sends = event.key === "Enter" && !event.shiftKey && !event.isComposing;
      if (sends && event.target.matches("#question textarea")) this.expect(field());
    };
    const clicked = (event) => {
      const button = event.target.closest("#send, #person, #examples button");
      if (button) this.expect(button.id === "send" ? field() : button.textContent.trim());
    };
    document.addEventListener("keydown", keyed, { capture: true });
    document.addEventListener("click", clicked, { capture: true });
  }

  /** Everything on the page in the language that the box named. */
  speak(told) {
    this.words = told.words;
    this.idleSeconds = told.idle_seconds;
    const root = document.documentElement;
    root.lang = told.language;
    root.dir = told.direction;
    document.title = `${told.bank} · ${told.words.title}`;
    this.bank.textContent = told.bank;
    this.name.textContent = told.words.title;
    this.subtitle.textContent = told.words.subtitle;
    this.disclosure.textContent = told.words.disclosure;
    this.conversation.setAttribute("aria-label", told.words.conversation);
    this.log.setAttribute("aria-label", told.words.conversation);
    for (const part of document.querySelectorAll("[data-word]")) part.textContent = told.words[part.dataset.word];
    for (const part of document.querySelectorAll("[data-label]")) {
      part.setAttribute("aria-label", told.words[part.dataset.label]);
      part.title = told.words[part.dataset.label];
    }
    this.panel.speak(told.words);
    this.handoff.speak(told.words);
    if (location.hash === ENDED) {
      history.replaceState(null, "", location.pathname);
      this.transcript.note(told.words.session_wiped);
    }
  }

  hear(turn) {
    clearTimeout(this.silence);
    box.remember(turn.session);
    document.documentElement.classList.add("talking");
    this.transcript.show(turn, () => this.asked.shift() ?? "");
    if (turn.state === "sent" || turn.outcome === "handed_off") this.handoff.watch();
    this.idle.begin(this.idleSeconds);
  }

  typed() {
    if (!this.idle.deadline) this.idle.begin(this.idleSeconds);
  }

  /** A question was sent: if nothing comes back, find out whether the box is there and say so. */
  expect(text) {
    this.asked.push(text);
    this.waitForBox();
  }

  waitForBox() {
    clearTimeout(this.silence);
    this.silence = setTimeout(async () => {
      if (await box.isReachable()) return this.waitForBox();
      this.asked = [];
      this.transcript.giveUp();
      this.transcript.note(this.words.unreachable);
    }, SILENCE);
  }

  async stay() {
    if (!box.isOpen()) return true;
    try {
      await box.stay();
      return true;
    } catch (error) {
      if (error instanceof box.Ended) this.end();
      return false;
    }
  }

  async remain() {
    await this.idle.confirm();
    this.warning.close();
  }

  tick(seconds, warn) {
    this.left.textContent = this.words.erased_in.replace("{time}", clock(seconds));
    this.warning.querySelector(".seconds").textContent = clock(seconds);
    if (warn && !this.warning.open) this.warning.showModal();
    if (!warn && this.warning.open) this.warning.close();
  }

  /** Wipes the session and loads the page anew: no text is left in a field, its undo history, a frame or a script. */
  async end() {
    this.idle.ended = true;
    document.documentElement.classList.add("ending");
    await box.finish();
    history.replaceState(null, "", ENDED);
    location.reload();
  }
}

new Page().place();
