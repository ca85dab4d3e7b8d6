// SPDX-License-Identifier: Apache-2.0
// main: puts the page together, and decides by the address what is seen: #/ a new conversation, #/chat/ID one of the
// list, #/status the server's dashboard, #/keys keys and limits.
import { chatView } from "./chat.js";
import { dialog } from "./dialog.js";
import { find, h, replace } from "./dom.js";
import { iconButton } from "./icons.js";
import { askKey, keysView } from "./keys.js";
import { modelPicker } from "./models.js";
import { showTheme } from "./prefs.js";
import { defaults, settingsPanel } from "./settings.js";
import { side } from "./side.js";
import { statusView } from "./status.js";
import * as store from "./store.js";
import { newConversation } from "./tree.js";
import { runOf } from "./runs.js";
import { language, t } from "./words.js";

const app = { enterKey, openSettings, opened, listChanged: () => app.side.refresh(), keyRefused, closeSide, newChat, removed, renamed, help };
const open = new Map(); // conversations that were opened and may have an answer under way

async function begin() {
  showTheme();
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  find("#skip").textContent = t("Skip to the content");
  await store.open();
  app.banner = h("div.banner", { role: "alert", hidden: true });
  app.models = modelPicker({ onChange: modelsSeen, onError: serverTrouble });
  app.settings = settingsPanel(settingsChanged);
  app.chat = chatView(app);
  app.status = statusView();
  app.keys = keysView({ enterKey });
  app.side = side(find("#side"), app);
  app.head = h("header.top", null,
    iconButton("menu", t("Open the list"), { className: "icon-button only-narrow", onclick: openSide }), app.models.element,
    iconButton("dials", t("Settings of this conversation"), { className: "icon-button to-settings", onclick: () => app.settings.toggle() }));
  app.view = h("div.view");
  replace(find("#main"), app.head, app.banner, h("div.columns", null, app.view, app.settings.element));
  find("#shade").onclick = closeSide;
  addEventListener("hashchange", route);
  addEventListener("keydown", shortcut);
  document.addEventListener("visibilitychange", () => document.hidden || app.models.refresh());
  await app.side.refresh();
  await route();
  app.models.refresh();
}

/* --- what is seen ------------------------------------------------------------------------------ */

async function route() {
  const [, view = "", id = ""] = location.hash.split("/");
  closeSide();
  app.status.stop();
  const other = { status: app.status, keys: app.keys }[view];
  app.head.classList.toggle("other", Boolean(other));
  if (other) {
    app.settings.element.hidden = true;
    replace(app.view, other.element);
    other.start();
    app.side.mark(view);
    document.title = `${view === "status" ? t("Server") : t("Keys and limits")} · moat`;
    return;
  }
  await showChat(view === "chat" ? id : "");
}

async function showChat(id) {
  const chat = id ? open.get(id) ?? (await store.load(id)) : newConversation(defaults());
  if (!chat) {
    location.hash = "#/";
    return;
  }
  for (const [key, c] of open) if (!runOf(c)) open.delete(key);
  open.set(chat.id, chat);
  replace(app.view, app.chat.element);
  app.chat.show(chat);
  app.settings.show(chat.settings);
  app.side.mark(chat.id);
  document.title = chat.title ? `${chat.title} · moat` : "moat";
  if (matchMedia("(hover: hover)").matches) app.chat.focus();
}

/** A conversation has its first message, or was made from another: it is the one to be seen. */
function opened(chat) {
  if (chat !== app.chat.conversation) {
    location.hash = "#/chat/" + chat.id;
    return;
  }
  history.pushState(null, "", "#/chat/" + chat.id);
  document.title = `${chat.title} · moat`;
  app.side.mark(chat.id);
}

function newChat() {
  if (location.hash !== "#/" && location.hash !== "") history.pushState(null, "", "#/");
  route();
}

function removed(id) {
  if (open.has(id)) runOf(open.get(id))?.drop();
  open.delete(id);
  if (app.chat.conversation?.id === id) newChat();
}

function renamed(id, title) {
  const chat = open.get(id);
  if (chat) chat.title = title;
  if (app.chat.conversation?.id === id) document.title = `${title} · moat`;
}

function settingsChanged() {
  const chat = app.chat.conversation;
  if (chat.title) store.save(chat).catch(() => {});
}

function openSettings() {
  if (app.settings.element.hidden) app.settings.toggle();
}

function openSide() {
  document.body.classList.add("side-open");
  find("#shade").hidden = false;
  find("#side .new").focus();
}

function closeSide() {
  document.body.classList.remove("side-open");
  find("#shade").hidden = true;
}

/* --- the server -------------------------------------------------------------------------------- */

function modelsSeen() {
  app.banner.hidden = true;
  app.chat.remark();
}

function serverTrouble(e) {
  app.banner.hidden = false;
  replace(app.banner, h("span", null, h("strong", null, e.message), " ", e.remedy),
    e.kind === "key" ? h("button.primary", { type: "button", onclick: enterKey }, t("Enter a key"))
      : h("button.plain-button", { type: "button", onclick: app.models.refresh }, t("Try again")));
}

function keyRefused() {
  app.models.refresh();
}

async function enterKey() {
  if (await askKey()) {
    await app.models.refresh();
    if (location.hash === "#/keys") app.keys.start();
  }
}

/* --- the keyboard ------------------------------------------------------------------------------ */

const SHORTCUTS = [
  ["Enter", t("Send")], ["Shift + Enter", t("A new line")], ["Escape", t("Stop the answer")],
  ["Alt + N", t("New conversation")], ["Alt + F", t("Search conversations")], ["Alt + M", t("Choose a model")],
  ["Alt + S", t("Settings of this conversation")], ["Alt + R", t("Answer again")], ["Alt + C", t("Copy the last answer")], ["↑", t("Edit the last message (in an empty field)")],
  ["?", t("Keyboard shortcuts")],
];

function help() {
  dialog(t("Keyboard shortcuts"), () => h("div", null,
    h("dl.shortcuts", null, SHORTCUTS.map(([keys, what]) => [h("dt", null, keys.split(" + ").map((k) => h("kbd", null, k))), h("dd", null, what)])),
    h("p.hint", null, "moat · ", h("a", { href: "web/notice.txt", target: "_blank" }, t("Licences")))));
}

function shortcut(e) {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName);
  if (e.key === "Escape" && !document.querySelector("dialog[open]")) {
    if (document.body.classList.contains("side-open")) closeSide();
    else if (app.view.contains(app.chat.element)) app.chat.stop();
  } else if (e.key === "?" && !typing) help();
  else if (e.altKey && !e.ctrlKey && !e.metaKey) byAlt(e);
}

function byAlt(e) {
  const does = { KeyN: newChat, KeyF: () => (openSideIfNarrow(), app.side.find()), KeyM: app.models.open, KeyS: () => app.settings.toggle(), KeyR: app.chat.again, KeyC: app.chat.copyLast }[e.code];
  if (!does) return;
  e.preventDefault();
  does();
}

function openSideIfNarrow() {
  if (matchMedia("(max-width: 800px)").matches) openSide();
}

begin();
