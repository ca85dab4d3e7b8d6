// SPDX-License-Identifier: Apache-2.0
// message: how one message looks, and what can be done with it.
import { canGoOn } from "./answer.js";
import { dialog } from "./dialog.js";
import { copyText, h, replace, say } from "./dom.js";
import { growing } from "./growing.js";
import { icon, iconButton } from "./icons.js";
import { plain, render } from "./markdown.js";
import { thinking } from "./think.js";
import { bytes, number, seconds, t } from "./words.js";

const LONG = 1800; // characters of a question that are shown without being asked for
const LINES = 18; // and lines

/** does: {edit, again, againWith, goOn, fork, choose, enterKey, openSettings}; where: {index, count, siblings} of the node
 *  among its like.
 *  {element, update(), draw()}: update while the answer comes; draw reads what was shown as plain text at first. */
export function messageView(node, where, live, does) {
  return node.role === "user" ? userView(node, where, does) : assistantView(node, where, live, does);
}

function userView(node, where, does) {
  const text = wordsOf(node.content);
  const files = (node.files ?? []).map((f) => fileChip(f));
  const body = h("div.bubble", null, files.length ? h("div.files", null, files) : null, node.content ? text : null);
  const element = h("article.message.user", { ariaLabel: t("You") }, body,
    h("div.actions", null, branches(where, does), copyButton(() => node.content),
      iconButton("edit", t("Edit"), { onclick: () => edit(node, body, does) })));
  element.dataset.id = node.id;
  return { element, update() {}, draw() {} };
}

/** What the user wrote; a long text in part, with a button for all of it. */
function wordsOf(content) {
  const start = content.split("\n", LINES).join("\n").slice(0, LONG), words = h("div.words", { dir: "auto" }, start);
  if (start.length === content.length) return words;
  words.append("…");
  const more = h("button.more", { type: "button", onclick: () => (more.remove(), replace(words, content)) }, t("Show all of it"));
  return h("div", null, words, more);
}

function showFile({ name, text }) {
  dialog(name, () => h("div.file-text", { tabIndex: 0 }, plain(text)));
}

export function fileChip(file, onRemove) {
  return h("span.chip", null, h("button.chip-open", { type: "button", title: t("Show {name}", { name: file.name }), onclick: () => showFile(file) },
    icon("file"), h("span.chip-name", null, file.name), h("small", null, bytes(new Blob([file.text]).size))),
    onRemove ? iconButton("close", t("Remove {name}", { name: file.name }), { onclick: onRemove }) : null);
}

/** The question becomes a field; saving it begins a branch. */
function edit(node, body, does) {
  const field = h("textarea", { value: node.content, ariaLabel: t("Edit your message"), rows: Math.min(12, node.content.split("\n").length + 1) });
  const before = [...body.childNodes];
  const cancel = () => replace(body, before);
  const form = h("form.edit", { onsubmit: (e) => (e.preventDefault(), does.edit(node, field.value)) }, field,
    h("div.dialog-foot", null, h("button.plain-button", { type: "button", onclick: cancel }, t("Cancel")),
      h("button.primary", null, t("Send"))));
  field.addEventListener("keydown", (e) => {
    if (e.key === "Escape") cancel();
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
      e.preventDefault();
      form.requestSubmit();
    }
  });
  replace(body, form);
  field.focus();
}

function copyButton(textOf) {
  const button = iconButton("copy", t("Copy"));
  button.onclick = async () => {
    const done = await copyText(textOf());
    replace(button, icon(done ? "check" : "copy"));
    say(done ? t("Copied") : t("Copy failed"));
    setTimeout(() => replace(button, icon("copy")), 1500);
  };
  return button;
}

function otherModel(node, does) {
  const button = iconButton("down", t("Answer again with another model"), { ariaHaspopup: "menu", className: "icon-button slim other-model", onclick: () => does.againWith(node, button) });
  return button;
}

/** "‹ 2 / 3 ›" where there are other versions of this message. */
function branches({ index, count, siblings }, does) {
  if (count < 2) return null;
  const go = (i) => does.choose(siblings[i].id);
  return h("span.branches", null,
    iconButton("left", t("Previous version"), { onclick: () => go(index - 1), disabled: index === 0 }),
    h("span", null, `${index + 1} / ${count}`),
    iconButton("right", t("Next version"), { onclick: () => go(index + 1), disabled: index === count - 1 }));
}

function assistantView(node, where, live, does) {
  const think = thinking(), stats = h("span.stats"), foot = h("div.end");
  const text = live ? growing() : null;
  if (text && node.json) text.push("```json\n");
  const body = text?.element ?? h("div.markdown", null, h("div.plain", { dir: "auto" }, node.content.slice(0, 4000)));
  const wait = h("div.waiting", { hidden: !live }, h("i"), h("i"), h("i"));
  const element = h("article.message.assistant", { ariaLabel: t("Answer") }, think.element, body, wait, foot, h("div.actions", null,
    branches(where, does), copyButton(() => node.content),
    iconButton("again", t("Answer again"), { onclick: () => does.again(node) }), otherModel(node, does),
    iconButton("fork", t("Go on in a new conversation from here"), { onclick: () => does.fork(node) }), stats));
  element.dataset.id = node.id;
  element.classList.toggle("live", live);
  const view = { element, shown: live ? "" : null, update: () => updateAnswer(node, view, { think, stats, text, wait, foot, does }), draw };
  let drawn = live;
  function draw() {
    if (drawn) return;
    drawn = true;
    body.replaceChildren(render(asShown(node)));
  }
  view.update();
  return view;
}

function updateAnswer(node, view, { think, stats, text, wait, foot, does }) {
  think.show(node.thought ?? "", node.thoughtSeconds ?? 0, Boolean(node.thinking && !node.finish));
  stats.textContent = statsOf(node);
  stats.title = detailsOf(node);
  if (text && node.content.length > view.shown.length) {
    text.push(node.content.slice(view.shown.length));
    view.shown = node.content;
  }
  wait.hidden = Boolean(node.finish || node.content || node.thought || !text);
  if (!node.finish) return;
  view.element.classList.remove("live");
  if (text && !view.ended) text.end(asShown(node));
  view.ended = true;
  replace(foot, ending(node, does));
}

/** JSON that was asked for is shown as such, in lines. */
function asShown(node) {
  if (!node.json) return node.content;
  try {
    return "```json\n" + JSON.stringify(JSON.parse(node.content), null, 2) + "\n```";
  } catch {
    return "```json\n" + node.content + "\n```";
  }
}

function statsOf(node) {
  const parts = [];
  if (node.tokens) parts.push(node.tokens === 1 ? t("1 token") : t("{n} tokens", { n: number(node.tokens) }));
  if (node.speed) parts.push(t("{n} tok/s", { n: number(node.speed, node.speed < 100 ? 1 : 0) }));
  if (node.finish && node.first) parts.push(t("first after {time}", { time: seconds(node.first) }));
  if (node.finish && node.model) parts.push(node.model);
  return parts.join(" · ");
}

function detailsOf(node) {
  if (!node.finish || !node.usage) return "";
  const { prompt, cached } = node.usage;
  return t("{n} tokens were read, {m} of them from the cache", { n: number(prompt), m: number(cached) });
}

/** What stands below an answer that did not come to its own end. */
function ending(node, does) {
  const more = canGoOn(node) ? h("button.link", { type: "button", onclick: () => does.goOn(node) }, t("Go on")) : null;
  if (node.finish === "stopped") return h("p.remark", null, h("span", null, t("You stopped this answer.")), more);
  if (node.finish === "length") {
    return h("p.remark", null, h("span", null, t("The answer was cut here: it reached its most tokens, or the context is full.")), more,
      h("button.link", { type: "button", onclick: does.openSettings }, t("Settings")));
  }
  if (node.finish !== "error") return null;
  const e = node.error;
  const message = e.kind === "schema" ? t("The JSON Schema in the settings is not valid JSON: {why}", { why: e.message }) : e.message;
  return h("div.problem", { role: "alert" }, h("strong", null, message), e.remedy ? h("p", null, e.remedy) : null,
    h("div.problem-actions", null,
      e.kind === "key" ? h("button.primary", { type: "button", onclick: does.enterKey }, t("Enter a key")) : null,
      e.kind === "schema" ? h("button.primary", { type: "button", onclick: does.openSettings }, t("Settings")) : null,
      tryAgain(node, does)));
}

/** Where the server said when it is worth to ask again, the button counts until then. */
function tryAgain(node, does) {
  const button = h("button.plain-button", { type: "button", onclick: () => does.again(node) });
  const count = () => {
    const left = Math.ceil(((node.error.until ?? 0) - Date.now()) / 1000);
    button.textContent = left > 0 ? t("Try again (in {time})", { time: t("{n} s", { n: left }) }) : t("Try again");
    if (left > 0) setTimeout(() => button.isConnected && count(), 250);
  };
  count();
  return button;
}
