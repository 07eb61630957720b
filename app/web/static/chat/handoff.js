// Waiting for a person: where one stands in the queue, who has come, and what they write.

import { element } from "./dom.js";
import * as box from "./box.js";

const LOOK_EVERY = 2000;

export class Handoff {
  /** `wrote(text, name)`: a teller wrote; `alive()`: the box keeps the session, since its person waits; `shown()`: there is a bar now. */
  constructor({ wrote, alive, shown }) {
    this.wrote = wrote;
    this.alive = alive;
    this.shown = shown;
    this.bar = element("p", { id: "handoff", role: "status", hidden: true, dir: "auto" });
    this.words = {};
    this.own = null;
    this.after = -1;
    this.timer = 0;
  }

  speak(words) {
    this.words = words;
    this.draw();
  }

  /** Someone may wait from now on. */
  watch() {
    if (!this.timer) this.look();
  }

  async look() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), LOOK_EVERY);
    let own;
    try {
      own = await box.replies(this.after);
    } catch (error) {
      if (error instanceof box.Ended) this.stop();
      return;
    }
    for (const said of own.messages) {
      this.after = Math.max(this.after, said.number);
      if (said.who === "teller" && said.text) this.wrote(said.text, own.teller ?? "");
    }
    this.own = own;
    this.draw();
    if (own.state === "waiting" || own.state === "taken") this.alive();
    else this.stop();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = 0;
  }

  draw() {
    const { own, words } = this;
    if (!own || own.state === "left") return;
    const told = {
      waiting: () => `${words.teller_told} ${own.position ? words.place.replace("{place}", own.position) : ""}`.trim(),
      taken: () => words.with_you.replace("{name}", own.teller || words.teller),
      resolved: () => words.talk_over,
    }[own.state]();
    // Only what changed is written, or a screen reader would say it again with every look.
    if (this.bar.textContent !== told) this.bar.textContent = told;
    this.bar.className = own.state;
    if (this.bar.hidden) {
      this.bar.hidden = false;
      this.shown();
    }
  }
}
