// SPDX-License-Identifier: Apache-2.0
// menu: a short list of choices that opens at a button: arrows go through it, Escape closes it, the focus comes back.
import { h, replace } from "./dom.js";
import { icon } from "./icons.js";

/** What the arrows and Escape do inside of a list of buttons. */
export function arrows(box, close) {
  box.addEventListener("keydown", (e) => {
    const items = [...box.querySelectorAll("button")], at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[e.key];
    if (e.key === "Escape" || e.key === "Tab") {
      if (e.key === "Escape") e.preventDefault();
      e.stopPropagation();
      close();
    } else if (to !== undefined && items.length) {
      e.preventDefault();
      items[to % items.length].focus();
    }
  });
}

let shut = () => {}; // the one that is open

/** Opens below the button, or above it where there is no room. items: {symbol, words, note, danger, does} */
export function openMenu(button, label, items) {
  const box = h("div.menu.floating", { role: "menu", ariaLabel: label });
  const open = button.ariaExpanded === "true", ended = new AbortController(), listen = { capture: true, signal: ended.signal };
  const close = () => {
    if (!box.isConnected) return;
    box.remove();
    button.ariaExpanded = "false";
    ended.abort();
    button.focus({ preventScroll: true });
  };
  shut();
  if (open) return;
  shut = close;
  replace(box, items.map(({ symbol, words, note, danger, does }) => h("button.menu-item" + (danger ? ".bad" : ""), {
    type: "button", role: "menuitem", onclick: () => (close(), does()),
  }, symbol ? icon(symbol) : null, h("span.menu-words", null, h("span", null, words), note ? h("small", null, note) : null))));
  arrows(box, close);
  document.body.append(box);
  place(box, button.getBoundingClientRect());
  button.ariaExpanded = "true";
  addEventListener("pointerdown", (e) => box.contains(e.target) || button.contains(e.target) || close(), listen);
  addEventListener("scroll", (e) => e.target.contains(button) && close(), listen);
  addEventListener("resize", close, listen);
  box.querySelector("button").focus({ preventScroll: true });
}

function place(box, at) {
  const { width, height } = box.getBoundingClientRect();
  const below = at.bottom + 4 + height <= innerHeight;
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  box.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - 4 - height)}px`;
}
