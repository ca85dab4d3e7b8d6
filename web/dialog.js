// SPDX-License-Identifier: Apache-2.0
// dialog: windows over the page (the browser's own <dialog>: Escape closes, focus stays inside and comes back), and
// notices that pass.
import { h, say } from "./dom.js";
import { iconButton } from "./icons.js";
import { t } from "./words.js";

/** Shows a window; `build(close)` gives its content. Resolves to what close was called with, or null. */
export function dialog(title, build) {
  return new Promise((resolve) => {
    const box = h("dialog.dialog", { ariaLabel: title });
    const close = (value) => {
      box.returnValue = "";
      resolve(value ?? null);
      box.close();
    };
    box.append(h("div.dialog-head", null, h("h2", null, title), iconButton("close", t("Close"), { onclick: () => close() })), build(close));
    box.addEventListener("close", () => {
      resolve(null);
      box.remove();
    });
    box.addEventListener("click", (e) => e.target === box && close());
    document.body.append(box);
    box.showModal();
  });
}

/** A question that is answered by yes (true) or no. */
export function confirmed(title, text, yes) {
  return dialog(title, (close) => h("form", { onsubmit: (e) => (e.preventDefault(), close(true)) }, h("p", null, text),
    h("div.dialog-foot", null, h("button.plain-button", { type: "button", onclick: () => close() }, t("Cancel")),
      h("button.primary.danger", { autofocus: true }, yes))));
}

/** One line of text, or null. */
export function asked(title, value, { label = title, type = "text", note = null } = {}) {
  const field = h("input", { type, value, ariaLabel: label, autofocus: true, autocomplete: "off", spellcheck: false, required: true });
  return dialog(title, (close) => h("form", { onsubmit: (e) => (e.preventDefault(), close(field.value.trim() || null)) }, field, note,
    h("div.dialog-foot", null, h("button.plain-button", { type: "button", onclick: () => close() }, t("Cancel")),
      h("button.primary", null, t("OK")))));
}

export function notice(text) {
  const box = h("div.notice", null, text);
  document.body.append(box);
  say(text);
  setTimeout(() => box.remove(), 5000);
}
