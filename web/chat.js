// SPDX-License-Identifier: Apache-2.0
// chat: a conversation as it is seen and worked on: its messages, the field below them, and what its buttons do.
import { composer } from "./composer.js";
import { copyText, h, idle, replace, say } from "./dom.js";
import { icon } from "./icons.js";
import { openMenu } from "./menu.js";
import { messageView } from "./message.js";
import { describe } from "./models.js";
import { runOf, start } from "./runs.js";
import { save } from "./store.js";
import { add, choose, fork, path, siblings, titleOf } from "./tree.js";
import { number, t } from "./words.js";

const AT_ONCE = 8; // messages that are read before the first look; the others while there is time
const WAIT_MS = 800; // without a first word: is the model being loaded?
const NEAR = 60; // pixels from the end that count as being there
const SETTLE_MS = 500; // in which what the browser draws late may still move the end

/** app: {models, enterKey(), openSettings(), opened(conversation), listChanged()}
 *  {element, show(conversation), send(text, files), stop(), again(), copyLast(), editLast(), focus(), conversation} */
export function chatView(app) {
  const log = h("div.log", { role: "log", ariaLive: "off", ariaLabel: t("Conversation") });
  const scroll = h("div.scroll", { tabIndex: 0, role: "region", ariaLabel: t("Conversation") }, log);
  const toEnd = h("button.to-end", { type: "button", title: t("To the end"), ariaLabel: t("To the end"), hidden: true, onclick: () => goToEnd(view) }, icon("end"));
  const heading = h("h1.unseen"); // for who hears the page; the first page has one to be seen
  const view = { app, log, scroll, heading, toEnd, conversation: null, views: new Map(), drafts: new Map(), atEnd: true, settled: 0, opened: 0 };
  view.write = composer({ send: (text, files) => send(view, text, files), stop: () => stop(view), editLast: () => editLast(view) });
  view.element = h("section.chat", null, heading, scroll, h("div.end-box", null, toEnd), view.write.element);
  view.write.takeDrops(view.element);
  new ResizeObserver(() => followEnd(view)).observe(log);
  for (const kind of ["pointerdown", "keydown"]) scroll.addEventListener(kind, () => (view.settled = 0)); // the reader acts
  scroll.addEventListener("scroll", () => standsAt(view, scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR), { passive: true });
  return Object.assign(view, {
    show: (conversation) => show(view, conversation),
    send: (text, files) => send(view, text, files),
    stop: () => stop(view),
    again: () => againLast(view),
    copyLast: () => copyLast(view),
    editLast: () => editLast(view),
    focus: () => view.write.focus(),
    remark: () => remark(view),
  });
}

/* --- showing ----------------------------------------------------------------------------------- */

function showHeading(view) {
  view.heading.hidden = !view.conversation.title;
  view.heading.textContent = view.conversation.title;
}

function standsAt(view, end) {
  view.atEnd = end;
  view.toEnd.hidden = end;
}

/** The end stays in sight while an answer comes or a conversation is opened; not where a reader unfolds something. */
function followEnd(view) {
  const moves = performance.now() < view.settled || (view.conversation && runOf(view.conversation));
  if (view.atEnd && moves) view.scroll.scrollTop = view.scroll.scrollHeight;
}

function settles(view) {
  view.settled = performance.now() + SETTLE_MS;
}

function goToEnd(view) {
  standsAt(view, true);
  view.scroll.scrollTop = view.scroll.scrollHeight;
}

/** What is being written stays with its conversation. */
function changeDraft(view, to) {
  const nameOf = (c) => (c.title ? c.id : "new"), from = view.conversation;
  if (from === to) return;
  if (from) view.drafts.set(nameOf(from), view.write.draft());
  view.write.put(view.drafts.get(nameOf(to)));
  view.drafts.delete(nameOf(to));
}

function show(view, conversation) {
  changeDraft(view, conversation);
  view.conversation = conversation;
  view.views.clear();
  const nodes = path(conversation), run = runOf(conversation);
  replace(view.log, nodes.length ? nodes.map((n) => viewOf(view, n, run?.node === n).element) : welcome(view));
  view.log.classList.toggle("empty", nodes.length === 0);
  showHeading(view);
  if (run) run.onChange = () => view.views.get(run.node.id)?.update();
  view.write.busy(Boolean(run));
  standsAt(view, true);
  settles(view);
  drawAll(view, nodes);
  remark(view);
}

function viewOf(view, node, live) {
  const like = siblings(view.conversation, node);
  const where = { index: like.indexOf(node), count: like.length, siblings: like };
  const made = messageView(node, where, live, doesOf(view));
  view.views.set(node.id, made);
  return made;
}

/** The last ones now, the rest upwards as there is time. */
async function drawAll(view, nodes) {
  const turn = ++view.opened;
  const views = nodes.map((n) => view.views.get(n.id)).reverse();
  views.slice(0, AT_ONCE).forEach((v) => v.draw());
  view.scroll.scrollTop = view.scroll.scrollHeight;
  for (const v of views.slice(AT_ONCE)) {
    await idle();
    if (view.opened !== turn) return;
    v.draw();
    settles(view);
  }
}

function welcome(view) {
  const ideas = [t("Explain how a hash table works, with a short example in Python."),
    t("Write a polite e-mail that moves a meeting to Thursday."),
    t("Give me three names for a small bakery by a river."), t("What is the difference between TCP and UDP?")];
  return h("div.welcome", null, h("img", { src: "web/icon.svg", alt: "", width: 56, height: 56 }),
    h("h1", null, t("What shall we work on?")),
    h("p", null, t("The model runs on this server. Conversations are kept in this browser, and nowhere else.")), h("p.welcome-model"),
    h("div.ideas", null, ideas.map((text) => h("button", { type: "button", onclick: () => view.write.fill(text) }, text))));
}

/** Below the field: how much of the context is used; on the first page: which model it is. */
function remark(view) {
  view.element.classList.toggle("many-models", view.app.models.list.length > 1);
  const line = view.log.querySelector(".welcome-model"), model = view.app.models.current();
  if (line) replace(line, model ? [h("strong", null, model.name), " ", describe(model)] : view.app.models.missing());
  const last = view.conversation && path(view.conversation).filter((n) => n.usage).pop();
  const context = view.app.models.current()?.context;
  if (!last || !context) return view.write.remark();
  const used = last.usage.prompt + last.usage.tokens;
  view.write.remark(h("meter", { min: 0, max: context, value: used, high: context * 0.85, low: context * 0.7, optimum: 0, ariaLabel: t("Context used") }),
    h("span", null, t("{used} of {all} tokens of context", { used: number(used), all: number(context) })));
}

/* --- doing ------------------------------------------------------------------------------------- */

function doesOf(view) {
  return {
    edit: (node, text) => edit(view, node, text),
    again: (node) => again(view, node),
    againWith: (node, button) => openMenu(button, t("Answer again with another model"), view.app.models.list.map((m) => (
      { words: m.name, note: describe(m), does: () => again(view, node, m.name) }))),
    goOn: (node) => goOn(view, node),
    choose: (id) => (choose(view.conversation, id), keep(view), show(view, view.conversation)),
    fork: (node) => forkFrom(view, node),
    enterKey: () => view.app.enterKey(),
    openSettings: () => view.app.openSettings(),
  };
}

function keep(view) {
  save(view.conversation).then(() => view.app.listChanged()).catch(() => {});
}

function send(view, text, files = []) {
  const c = view.conversation;
  if (runOf(c)) return;
  const first = path(c).length === 0;
  if (!c.title) c.title = titleOf(text || files[0].name);
  const node = add(c, c.leaf, { role: "user", content: text, files });
  c.updated = Date.now();
  if (first) replace(view.log);
  view.log.classList.remove("empty");
  showHeading(view);
  view.log.append(viewOf(view, node, false).element);
  answerTo(view, node.id);
  if (first) view.app.opened(c);
}

function answerTo(view, parent, model = view.app.models.name()) {
  const c = view.conversation;
  const node = add(c, parent, { role: "assistant", content: "", model, json: c.settings.format !== "text", effort: c.settings.thinking ?? "" });
  const shown = viewOf(view, node, true);
  view.log.append(shown.element);
  run(view, node, shown, false);
}

function run(view, node, shown, goesOn) {
  standsAt(view, true);
  view.write.busy(true);
  start(view.conversation, node, () => shown.update(), (run) => ended(view, run), goesOn);
  setTimeout(() => node.first || node.finish || view.app.models.refresh(), WAIT_MS);
  keep(view);
}

/** An answer that was cut: more of it, in its place. */
function goOn(view, node) {
  if (runOf(view.conversation)) return;
  const old = view.views.get(node.id).element;
  node.finish = null;
  const shown = viewOf(view, node, true);
  old.replaceWith(shown.element);
  run(view, node, shown, true);
}

function ended(view, run) {
  if (run.node.finish === "error" && run.node.error.kind === "key") view.app.keyRefused();
  else if (!view.app.models.current()?.loaded) view.app.models.refresh(); // it is now
  view.app.listChanged();
  if (view.conversation !== run.conversation) return;
  settles(view);
  followEnd(view);
  view.write.busy(false);
  remark(view);
  say(run.node.finish === "error" ? run.node.error.message : t("The answer is complete."));
}

function stop(view) {
  runOf(view.conversation)?.stop();
}

function edit(view, node, text) {
  const c = view.conversation;
  if (runOf(c) || !text.trim()) return;
  add(c, node.parent, { role: "user", content: text.trim(), files: node.files ?? [] });
  show(view, c);
  answerTo(view, c.leaf);
}

/** A new answer beside the old one; in the place of one that failed before it said anything. */
function again(view, node, model) {
  const c = view.conversation;
  if (runOf(c)) return;
  if (node.finish === "error" && !node.content) delete c.nodes[node.id];
  c.leaf = node.parent;
  show(view, c);
  answerTo(view, node.parent, model);
}

function againLast(view) {
  const last = view.conversation.nodes[view.conversation.leaf];
  if (last?.role === "assistant") again(view, last);
}

async function copyLast(view) {
  const last = path(view.conversation).filter((n) => n.role === "assistant" && n.content).pop();
  if (last) say((await copyText(last.content)) ? t("Copied") : t("Copy failed"));
}

function editLast(view) {
  const last = path(view.conversation).filter((n) => n.role === "user").pop();
  if (!last || runOf(view.conversation)) return;
  view.log.querySelector(`[data-id="${last.id}"] button[title="${CSS.escape(t("Edit"))}"]`)?.click();
}

function forkFrom(view, node) {
  const c = fork(view.conversation, node.id, t("{title} (branch)", { title: view.conversation.title }));
  save(c).then(() => view.app.listChanged()).then(() => view.app.opened(c));
}
