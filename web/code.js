// SPDX-License-Identifier: Apache-2.0
// code: blocks of code: a bar with the language and a button that copies, colours when there is time for them.
//
// highlight.js is loaded when the first block is there to be coloured; its markup passes the sanitiser like everything.
import { copyText, h, idle, replace, say } from "./dom.js";
import { icon } from "./icons.js";
import { sanitized } from "./sanitize.js";
import { t } from "./words.js";

const LONGEST = 60 << 10; // characters that are coloured
const BIDI = /[\u202a-\u202e\u2066-\u2069]/g; // reorder what is read but not what is run

let loading = null;
const waiting = [];

/** Gives every block of code below `root` its bar. */
export function dress(root) {
  for (const code of root.querySelectorAll("pre > code")) dressOne(code);
  for (const table of root.querySelectorAll("table")) if (!table.closest(".table")) wrapTable(table);
}

function wrapTable(table) {
  const box = h("div.table", { tabIndex: 0, role: "region", ariaLabel: t("Table") });
  table.replaceWith(box);
  box.append(table);
}

function dressOne(code) {
  const pre = code.parentElement;
  if (pre.parentElement?.classList.contains("code")) return;
  const name = /language-([\w+#.-]+)/.exec(code.className)?.[1] ?? "";
  const text = code.textContent.replace(/\n$/, "");
  const shown = text.replace(BIDI, (c) => `⟨U+${c.charCodeAt(0).toString(16).toUpperCase()}⟩`);
  const box = h("div.code", null, bar(name, text));
  code.textContent = shown;
  pre.tabIndex = 0;
  pre.replaceWith(box);
  box.append(pre);
  if (name && shown.length <= LONGEST) colourLater(code, name);
}

function bar(name, text) {
  const button = h("button.copy", { type: "button" }, icon("copy"), h("span", null, t("Copy")));
  button.onclick = async () => {
    const done = await copyText(text);
    replace(button, icon(done ? "check" : "copy"), h("span", null, done ? t("Copied") : t("Copy failed")));
    say(done ? t("Copied") : t("Copy failed"));
    setTimeout(() => replace(button, icon("copy"), h("span", null, t("Copy"))), 1500);
  };
  return h("div.code-bar", null, h("span", null, name || t("code")), button);
}

async function load() {
  await import("./lib/highlight.js");
  globalThis.hljs.configure({ hideUpgradeWarningAcceptNoSupportOrSecurityUpdates: true }); // Debian's is version 9
}

async function colourLater(code, name) {
  waiting.push([code, name]);
  if (waiting.length > 1) return;
  await (loading ??= load());
  while (waiting.length) {
    await idle();
    colour(...waiting[0]);
    waiting.shift();
  }
}

function colour(code, name) {
  const { hljs } = globalThis;
  if (!hljs.getLanguage(name)) return;
  try {
    const marked = sanitized(hljs.highlight(name, code.textContent, true).value);
    if (marked.textContent === code.textContent) replace(code, marked);
  } catch {
    // it stays as it is: plain
  }
}
