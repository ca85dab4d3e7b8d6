// SPDX-License-Identifier: Apache-2.0
// transfer: conversations out of this browser and into it: one as Markdown to read, all as JSON to keep, and JSON back,
// moat's own or an export of Open WebUI. What comes in is read as from a stranger: known fields of the right kind only.
import * as store from "./store.js";
import { withFiles } from "./files.js";
import { newConversation, newId, path, ROOT, titleOf } from "./tree.js";
import { date, t } from "./words.js";

const FORMAT = "moat-conversations-1";
const MOST = 64 << 20; // bytes of a file
const MOST_NODES = 20000; // of one conversation
const EMPTY = { system: "", format: "text", schema: "{}", params: {} };

/* --- out --------------------------------------------------------------------------------------- */

function download(name, type, text) {
  const a = document.createElement("a"), address = URL.createObjectURL(new Blob([text], { type }));
  a.href = address;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

function fileName(title, ending) {
  const safe = title.replace(/[^\p{L}\p{N} _-]+/gu, "").trim().slice(0, 60) || "conversation";
  return `${safe}.${ending}`;
}

/** What is shown of a conversation, as Markdown. */
export function markdownOf(c) {
  const parts = [`# ${c.title}`, date(c.updated)];
  if (c.settings.system.trim()) parts.push(`**${t("System prompt")}**\n\n${c.settings.system.trim()}`);
  for (const n of path(c)) {
    if (n.role === "user") parts.push(`## ${t("You")}\n\n${withFiles(n)}`);
    else parts.push(`## ${n.model || t("Answer")}\n\n${n.json ? "```json\n" + n.content + "\n```" : n.content}`);
  }
  return parts.join("\n\n") + "\n";
}

export async function exportOne(id) {
  const c = await store.load(id);
  download(fileName(c.title, "md"), "text/markdown", markdownOf(c));
}

export async function exportAll() {
  const conversations = await store.all();
  download(`moat-${new Date().toISOString().slice(0, 10)}.json`, "application/json", JSON.stringify({ format: FORMAT, conversations }));
  return conversations.length;
}

/* --- in ---------------------------------------------------------------------------------------- */

const text = (v, most = Infinity) => (typeof v === "string" ? v.slice(0, most) : "");
const time = (v) => (Number.isFinite(v) && v > 0 ? v : Date.now());
const object = (v) => (v && typeof v === "object" && !Array.isArray(v) ? v : {});

/** Reads and keeps the conversations of a file; how many. An Error says why not. */
export async function importFile(file) {
  if (file.size > MOST) throw new Error(t("{name} is too large to be read here.", { name: file.name }));
  let value = null;
  try {
    value = JSON.parse(await file.text());
  } catch {
    // said below
  }
  const list = Array.isArray(value) ? value : value?.format === FORMAT ? value.conversations : null;
  const found = Array.isArray(list) ? list.map((c) => (object(c).chat ? fromOpenWebui(c) : fromOurs(c))).filter(Boolean) : [];
  if (!found.length) throw new Error(t("{name} has no conversations: it must be an export of moat or of Open WebUI.", { name: file.name }));
  for (const c of found) await store.save(c);
  return found.length;
}

function fromOurs(from) {
  const { title, created, updated, settings, nodes, leaf } = object(from);
  const given = object(settings), c = newConversation({ ...EMPTY, system: text(given.system) });
  if (["json", "schema"].includes(given.format)) c.settings.format = given.format;
  if (typeof given.schema === "string") c.settings.schema = given.schema;
  for (const [name, v] of Object.entries(object(given.params))) if (Number.isFinite(v)) c.settings.params[name] = v;
  return filled(c, title, created, updated, leaf, Object.values(object(nodes)).map((n) => ({ ...object(n), time: n?.made })));
}

function fromOpenWebui(from) {
  const { history, title } = object(from.chat);
  const nodes = Object.values(object(object(history).messages)).map((m) => ({ ...object(m), parent: m?.parentId ?? ROOT, time: m?.timestamp * 1000, finish: "stop" }));
  return filled(newConversation(EMPTY), title ?? from.title, from.created_at * 1000, from.updated_at * 1000, object(history).currentId, nodes);
}

/** Gives the conversation its messages, with new names; those that hang on nothing, or on themselves, are left out. */
function filled(c, title, created, updated, leaf, nodes) {
  if (nodes.length > MOST_NODES) return null;
  const names = new Map(nodes.map((n) => [n.id, newId()]));
  const waiting = new Map(nodes.map((n) => [n.parent, []]));
  for (const n of nodes) waiting.get(n.parent).push(n);
  const ready = waiting.get(ROOT) ?? [];
  for (const n of ready) {
    const node = nodeOf(n);
    if (!node || c.nodes[names.get(n.id)]) continue;
    c.nodes[names.get(n.id)] = { id: names.get(n.id), parent: n.parent === ROOT ? ROOT : names.get(n.parent), ...node };
    ready.push(...(waiting.get(n.id) ?? []));
  }
  const last = names.get(leaf);
  c.leaf = c.nodes[last] ? last : Object.keys(c.nodes).at(-1) ?? ROOT;
  const first = path(c).find((n) => n.role === "user");
  Object.assign(c, { title: text(title, 200) || titleOf(first?.content ?? "") || t("New conversation"), created: time(created), updated: time(updated) });
  return c.leaf === ROOT ? null : c;
}

function nodeOf(n) {
  const node = { made: time(n.time), role: n.role, content: text(n.content) };
  if (n.role === "user") return { ...node, files: (Array.isArray(n.files) ? n.files : []).map((f) => ({ name: text(f?.name, 200), text: text(f?.text) })).filter((f) => f.name && f.text) };
  if (n.role !== "assistant") return null;
  for (const name of ["tokens", "speed", "first", "thoughtSeconds"]) if (Number.isFinite(n[name])) node[name] = n[name];
  return { ...node, model: text(n.model, 200), thought: text(n.thought), json: n.json === true, finish: ["stop", "length", "stopped"].includes(n.finish) ? n.finish : "stop" };
}
