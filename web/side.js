// SPDX-License-Identifier: Apache-2.0
// side: the column at the left: a new conversation, the list of them, the other views, language and theme.
import { confirmed, asked } from "./dialog.js";
import { h, replace } from "./dom.js";
import { icon, iconButton } from "./icons.js";
import { setTheme, theme } from "./prefs.js";
import { heads, kept, load, remove, save } from "./store.js";
import { dayOf, language, setLanguage, t } from "./words.js";

/** app: {newChat(), openChat(id), removed(id), renamed(id, title), help()}
 *  {element, refresh(), mark(id or view), find()} */
export function side(element, app) {
  const list = h("nav.chats", { ariaLabel: t("Conversations") });
  const search = h("input", { type: "search", placeholder: t("Search"), ariaLabel: t("Search conversations"), autocomplete: "off" });
  const s = { element, app, list, search, all: [], marked: "", links: {} };
  search.oninput = () => draw(s);
  s.links.status = h("a.side-link", { href: "#/status" }, icon("chart"), t("Server"));
  s.links.keys = h("a.side-link", { href: "#/keys" }, icon("key"), t("Keys and limits"));
  replace(element,
    h("div.side-head", null, h("a.brand", { href: "#/" }, h("img", { src: "web/icon.svg", alt: "", width: 24, height: 24 }), "moat"),
      iconButton("close", t("Close the list"), { className: "icon-button only-narrow", onclick: app.closeSide })),
    h("button.new", { type: "button", onclick: app.newChat }, icon("plus"), t("New conversation")),
    h("label.search", null, icon("find"), search), list,
    kept ? null : h("p.hint", null, t("This browser window keeps nothing: conversations end with it.")),
    s.links.status, s.links.keys, foot(app));
  return Object.assign(s, { refresh: () => refresh(s), mark: (what) => mark(s, what), find: () => search.focus() });
}

function foot(app) {
  const names = { auto: t("Theme: as the system"), light: t("Theme: light"), dark: t("Theme: dark") };
  const next = { auto: "light", light: "dark", dark: "auto" };
  const button = h("button.foot-button", { type: "button", title: names[theme()], onclick: () => {
    setTheme(next[theme()]);
    button.title = names[theme()];
    words.textContent = { auto: t("Auto"), light: t("Light"), dark: t("Dark") }[theme()];
  } }, icon("sun"));
  const words = h("span", null, { auto: t("Auto"), light: t("Light"), dark: t("Dark") }[theme()]);
  button.append(words);
  const other = language === "zh" ? "en" : "zh";
  return h("div.side-foot", null, button,
    h("button.foot-button", { type: "button", lang: other, onclick: () => setLanguage(other) }, other === "zh" ? "中文" : "English"),
    iconButton("help", t("Keyboard shortcuts"), { onclick: app.help }));
}

async function refresh(s) {
  s.all = await heads();
  draw(s);
}

function draw(s) {
  const wanted = s.search.value.trim().toLowerCase();
  const shown = s.all.filter((c) => !wanted || c.title.toLowerCase().includes(wanted));
  let day = "";
  replace(s.list, shown.map((c) => {
    const of = dayOf(c.updated), heading = of !== day ? h("h2", null, of) : null;
    day = of;
    return [heading, row(s, c)];
  }), shown.length ? null : h("p.hint", null, wanted ? t("Nothing found.") : t("Nothing yet.")));
}

function row(s, c) {
  const title = c.title || t("New conversation");
  const link = h("a", { href: "#/chat/" + c.id, title, dir: "auto" }, title);
  if (s.marked === c.id) link.ariaCurrent = "page";
  return h("div.chat-row", null, link, h("span.row-actions", null,
    iconButton("edit", t("Rename {title}", { title }), { onclick: () => rename(s, c, title) }),
    iconButton("bin", t("Delete {title}", { title }), { onclick: () => drop(s, c, title) })));
}

async function rename(s, c, title) {
  const wanted = await asked(t("Rename"), title);
  if (!wanted) return;
  const chat = await load(c.id);
  chat.title = wanted.slice(0, 200);
  await save(chat);
  s.app.renamed(c.id, chat.title);
  await refresh(s);
}

async function drop(s, c, title) {
  if (!(await confirmed(t("Delete this conversation?"), t("“{title}” is removed from this browser; nothing else has a copy.", { title }), t("Delete")))) return;
  await remove(c.id);
  s.app.removed(c.id);
  await refresh(s);
}

function mark(s, what) {
  s.marked = what;
  for (const [name, link] of Object.entries(s.links)) link.ariaCurrent = name === what ? "page" : null;
  draw(s);
}
