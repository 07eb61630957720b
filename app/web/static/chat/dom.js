// Elements made of text: no string ever becomes markup here.

/** An element with attributes (false and null are left out, functions become listeners) and children (strings become text). */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Calls `found(text)` now and whenever the text of an element changes. */
export function watchText(target, found) {
  let last = "";
  const look = () => {
    const text = target.textContent.trim();
    if (text && text !== last) {
      last = text;
      found(text);
    }
  };
  new MutationObserver(look).observe(target, { childList: true, characterData: true, subtree: true });
  look();
}

/** The element of a selector, once Gradio has put it on the page. */
export function appears(selector) {
  return new Promise((resolve) => {
    const look = () => {
      const found = document.querySelector(selector);
      if (found) {
        watcher.disconnect();
        resolve(found);
      }
    };
    const watcher = new MutationObserver(look);
    watcher.observe(document.documentElement, { childList: true, subtree: true });
    look();
  });
}
