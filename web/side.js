// SPDX-License-Identifier: Apache-2.0
// side: the column at the left: a new conversation, the list of them, the other views, language and theme.
import { confirmed, asked, notice } from "./dialog.js";
import { h, replace } from "./dom.js";
import { icon, iconButton } from "./icons.js";
import { openMenu } from "./menu.js";
import { setTheme, theme } from "./prefs.js";
import { heads, kept, load, remove, save, walk } from "./store.js";
import { exportAll, exportOne, importFile } from "./transfer.js";
import { dayOf, language, number, setLanguage, t } from "./words.js";

const WAIT_MS = 200; // after the last key, before all messages are searched
const AROUND = 40; // characters shown around what was found

/** app: {newChat(), removed(id), renamed(id, title), help()}
 *  {element, refresh(), mark(id or view), find()} */
export function side(element, app) {
  const list = h("nav.chats", { ariaLabel: t("Conversations") });
  const search = h("input", { type: "search", placeholder: t("Search"), ariaLabel: t("Search conversations"), autocomplete: "off" });
  const input = h("input", { type: "file", accept: ".json", hidden: true, tabIndex: -1, ariaHidden: "true" });
  const s = { element, app, list, search, input, all: [], found: new Map(), turn: 0, marked: "", links: {} };
  search.oninput = () => look(s);
  input.onchange = () => takeIn(s);
  s.links.status = h("a.side-link", { href: "#/status" }, icon("chart"), t("Server"));
  s.links.keys = h("a.side-link", { href: "#/keys" }, icon("key"), t("Keys and limits"));
  const more = iconButton("more", t("Import, export, delete all"), { ariaHaspopup: "menu", onclick: () => openMenu(more, t("Import, export, delete all"), transfers(s)) });
  replace(element,
    h("div.side-head", null, h("a.brand", { href: "#/" }, h("img", { src: "web/icon.svg", alt: "", width: 24, height: 24 }), "moat"),
      iconButton("close", t("Close the list"), { className: "icon-button only-narrow", onclick: app.closeSide })),
    h("button.new", { type: "button", onclick: app.newChat }, icon("plus"), t("New conversation")),
    h("div.search-row", null, h("label.search", null, icon("find"), search), more), input, list,
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

/* --- the list ---------------------------------------------------------------------------------- */

/** Titles at once; what was said when no more keys come. */
function look(s) {
  const turn = ++s.turn, wanted = s.search.value.trim().toLowerCase();
  s.found = new Map();
  draw(s);
  if (wanted.length < 2) return;
  setTimeout(async () => {
    const going = () => turn === s.turn;
    if (going()) await walk((chat) => going() && (note(s, chat, wanted), true)).catch(() => {});
    if (going()) draw(s);
  }, WAIT_MS);
}

/** The first place in a conversation where it says so. */
function note(s, chat, wanted) {
  for (const { content } of Object.values(chat.nodes)) {
    const at = content.toLowerCase().indexOf(wanted);
    if (at < 0) continue;
    const from = Math.max(0, at - AROUND), to = at + wanted.length + AROUND;
    s.found.set(chat.id, (from ? "…" : "") + content.slice(from, to).replace(/\s+/g, " ") + (to < content.length ? "…" : ""));
    return;
  }
}

function draw(s) {
  const wanted = s.search.value.trim().toLowerCase();
  const shown = s.all.filter((c) => !wanted || c.title.toLowerCase().includes(wanted) || s.found.has(c.id));
  let day = "";
  replace(s.list, shown.map((c) => {
    const of = dayOf(c.updated), heading = of !== day ? h("h2", null, of) : null;
    day = of;
    return [heading, row(s, c)];
  }), shown.length ? null : h("p.hint", null, wanted ? t("Nothing found.") : t("Your conversations will be listed here.")));
}

function row(s, c) {
  const title = c.title || t("New conversation"), place = s.found.get(c.id);
  const link = h("a", { href: "#/chat/" + c.id, title, dir: "auto" }, title, place ? h("small", null, place) : null);
  if (s.marked === c.id) link.ariaCurrent = "page";
  const more = iconButton("more", t("More for {title}", { title }), { ariaHaspopup: "menu", onclick: () => openMenu(more, title, [
    { symbol: "edit", words: t("Rename"), does: () => rename(s, c, title) },
    { symbol: "save", words: t("Save as Markdown"), does: () => exportOne(c.id) },
    { symbol: "bin", words: t("Delete"), danger: true, does: () => drop(s, c, title) }]) });
  return h("div.chat-row", null, link, h("span.row-actions", null, more));
}

/* --- in and out -------------------------------------------------------------------------------- */

function transfers(s) {
  return [{ symbol: "save", words: t("Export all"), note: t("A JSON file with everything that is kept here"), does: async () => {
    notice(t("{n} conversations were exported.", { n: number(await exportAll()) }));
  } }, { symbol: "open", words: t("Import"), note: t("An export of moat or of Open WebUI"), does: () => s.input.click() },
  { symbol: "bin", words: t("Delete all"), danger: true, does: () => dropAll(s) }];
}

async function takeIn(s) {
  try {
    const n = await importFile(s.input.files[0]);
    notice(t("{n} conversations were imported.", { n: number(n) }));
  } catch (e) {
    notice(e.message);
  }
  s.input.value = "";
  await refresh(s);
}

/* --- one of them ------------------------------------------------------------------------------- */

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

async function dropAll(s) {
  const text = t("All {n} are removed from this browser; nothing else has a copy. Export them first to keep one.", { n: number(s.all.length) });
  if (!(await confirmed(t("Delete all conversations?"), text, t("Delete all")))) return;
  for (const { id } of s.all) {
    await remove(id);
    s.app.removed(id);
  }
  await refresh(s);
}

function mark(s, what) {
  s.marked = what;
  for (const [name, link] of Object.entries(s.links)) link.ariaCurrent = name === what ? "page" : null;
  draw(s);
}
