// The side panel: a policy opened at its evidence, why an answer was given, or its receipt.

import { element } from "./dom.js";
import * as box from "./box.js";
import { modesQuery } from "./modes.js";

const NARROW = matchMedia("(max-width: 820px)");

export class Panel {
  /** `rest`: what is behind the panel where it covers the page. */
  constructor(rest) {
    this.rest = rest;
    this.heading = element("h2", { id: "panel-heading", tabindex: "-1" });
    this.shut = element("button", { type: "button", id: "panel-close", click: () => this.close() }, "×");
    this.body = element("div", { class: "body", tabindex: "0" });
    this.root = element(
      "div",
      { id: "panel", role: "complementary", hidden: true, "aria-labelledby": "panel-heading", keydown: (event) => event.key === "Escape" && this.close() },
      element("div", { class: "top" }, this.heading, this.shut),
      this.body,
    );
    this.words = {};
    this.opener = null;
    this.frame = null;
    NARROW.addEventListener("change", () => this.cover());
  }

  speak(words) {
    this.words = words;
    this.shut.setAttribute("aria-label", words.close);
    this.shut.title = words.close;
  }

  policy(source, opener) {
    this.frame = element("iframe", { title: source.title, sandbox: true, class: "policy", src: this.address(source) });
    this.source = source;
    this.open(this.words.evidence, [this.frame], opener);
  }

  /** The policy page draws itself in the page's modes: the frame is sandboxed, so nothing can reach into it. */
  address(source) {
    const [page, place] = source.href.split("#");
    return `${page}&${modesQuery()}#${place}`;
  }

  refresh() {
    if (this.frame?.isConnected) this.policy(this.source, this.opener);
  }

  async why(turn, opener) {
    await this.fill(turn.words.why, opener, turn, async () => {
      const { lines } = await box.why(turn.turn, turn.language);
      return [element("div", { class: "leaf", lang: turn.language, dir: turn.direction }, ...told(lines))];
    });
  }

  async receipt(turn, opener) {
    const { words } = turn;
    await this.fill(words.receipt, opener, turn, async () => {
      const { text, code, file } = await box.receipt(turn.turn);
      const address = `data:text/plain;charset=utf-8,${encodeURIComponent(text)}`;
      return [
        element(
          "div",
          { class: "leaf proof", lang: turn.language, dir: turn.direction },
          element("p", {}, words.receipt_about),
          element("img", { src: code, alt: words.receipt_code, width: "320", height: "320" }),
          element("a", { class: "save primary", href: address, download: file }, words.save_file),
          element("details", {}, element("summary", {}, words.show_text), element("pre", { dir: "ltr", tabindex: "0" }, text)),
        ),
      ];
    });
  }

  async fill(heading, opener, turn, content) {
    this.frame = null;
    this.open(heading, [element("p", { class: "hint", role: "status" }, turn.words.one_moment)], opener);
    const shown = this.body.firstChild;
    let parts;
    try {
      parts = await content();
    } catch (error) {
      parts = [element("p", { class: "hint", role: "alert" }, error instanceof box.Ended ? turn.words.not_available : turn.words.unreachable)];
    }
    if (this.body.firstChild === shown) this.body.replaceChildren(...parts);
  }

  open(heading, parts, opener) {
    this.opener = opener;
    this.heading.textContent = heading;
    this.body.replaceChildren(...parts);
    this.root.hidden = false;
    document.documentElement.classList.add("reading");
    for (const each of document.querySelectorAll(".cite.open")) each.classList.remove("open");
    if (opener.classList.contains("cite")) opener.classList.add("open");
    this.cover();
    this.heading.focus({ preventScroll: true });
  }

  close() {
    this.root.hidden = true;
    this.body.replaceChildren();
    this.frame = null;
    document.documentElement.classList.remove("reading");
    this.cover();
    this.opener?.classList.remove("open");
    this.opener?.focus();
  }

  /** On a narrow screen the panel lies over the page, which then is out of reach. */
  cover() {
    const covers = !this.root.hidden && NARROW.matches;
    for (const part of this.rest()) part.inert = covers;
    this.root.setAttribute("role", covers ? "dialog" : "complementary");
    if (covers) this.root.setAttribute("aria-modal", "true");
    else this.root.removeAttribute("aria-modal");
  }
}

/** Lines as paragraphs; details are a list under the line they belong to. */
function told(lines) {
  const parts = [];
  for (const { text, detail } of lines) {
    if (!detail) {
      parts.push(element("p", { dir: "auto" }, text));
      continue;
    }
    if (parts.at(-1)?.tagName !== "UL") parts.push(element("ul"));
    parts.at(-1).append(element("li", { dir: "auto" }, text));
  }
  return parts;
}
