// Large type and high contrast, for as long as the page lives: they are kept nowhere.

import { element } from "./dom.js";

const MODES = { large: "large_text", contrast: "contrast" };
const root = document.documentElement;

/** The buttons that turn the modes on and off; `changed` is called after each change. */
export function modeButtons(changed) {
  if (matchMedia("(prefers-contrast: more)").matches) root.classList.add("contrast");
  const buttons = Object.entries(MODES).map(([mode, word]) => {
    const button = element(
      "button",
      {
        type: "button",
        id: `mode-${mode}`,
        "data-label": word,
        "aria-pressed": String(root.classList.contains(mode)),
        click: () => {
          button.setAttribute("aria-pressed", String(root.classList.toggle(mode)));
          changed();
        },
      },
      element("span", { class: `icon ${mode}`, "aria-hidden": "true" }, mode === "large" ? "Aa" : ""),
    );
    return button;
  });
  return element("div", { id: "modes", role: "group", "data-label": "display" }, ...buttons);
}

/** The modes as the query of a policy's page. */
export function modesQuery() {
  const on = Object.keys(MODES).filter((mode) => root.classList.contains(mode));
  return `look=${on.join("+")}`;
}
