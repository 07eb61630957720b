// Nothing typed survives: counts down while nobody does anything, warns in time, then calls for the wipe.

const WARNING_SECONDS = 60;
const ACTIVITY = ["pointerdown", "keydown", "input", "wheel", "touchstart"];

export class Idle {
  /** `stay`: tells the box that somebody is there; `tick(seconds left, whether to warn)`; `expire`: the time is over. */
  constructor({ stay, tick, expire }) {
    this.stay = stay;
    this.tick = tick;
    this.expire = expire;
    this.seconds = 0;
    this.deadline = 0;
    this.told = 0;
    this.active = false;
    this.ended = false;
    for (const kind of ACTIVITY) addEventListener(kind, () => (this.active = true), { capture: true, passive: true });
    document.addEventListener("visibilitychange", () => this.look());
    setInterval(() => this.look(), 500);
  }

  /** There is something to wipe from now on, or there was just a sign of life that the box knows of. */
  begin(seconds) {
    this.seconds = seconds;
    this.told = Date.now();
    this.deadline = this.told + seconds * 1000;
    this.active = false;
    this.look();
  }

  /** The box wipes by its own clock, so the time here begins again only once the box has been told. */
  async look() {
    if (!this.deadline || this.ended) return;
    const now = Date.now();
    const every = Math.min(10, this.seconds / 6) * 1000;
    if (this.active && now - this.told >= every) {
      this.active = false;
      this.told = now;
      if (await this.stay().catch(() => false)) this.deadline = now + this.seconds * 1000;
    }
    const left = Math.ceil((this.deadline - Date.now()) / 1000);
    if (left > 0) {
      this.tick(left, left <= Math.min(WARNING_SECONDS, this.seconds / 2));
      return;
    }
    this.ended = true;
    this.expire();
  }

  /** A person has said that they are there: no waiting for the next look. */
  confirm() {
    this.told = 0;
    this.active = true;
    return this.look();
  }
}

/** Minutes and seconds, such as 4:05. */
export function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
