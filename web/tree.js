// SPDX-License-Identifier: Apache-2.0
// tree: a conversation as data, and what can be done to it. No DOM, no storage.
//
// A conversation is {id, title, created, updated, settings, nodes, leaf}. Each node is {id, parent, role, content, ...}:
// editing a question or asking again adds a node beside the old one instead of replacing it, and `leaf` says which
// branch is shown. The parent of a first message is ROOT.

export const ROOT = "";

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return Array.from(bytes, (b) => b.toString(36).padStart(2, "0")).join("");
}

export function newConversation(settings) {
  const now = Date.now();
  return { id: newId(), title: "", created: now, updated: now, settings: structuredClone(settings), nodes: {}, leaf: ROOT };
}

/** The messages that are shown, oldest first. */
export function path(c, to = c.leaf) {
  const found = [];
  for (let n = c.nodes[to]; n; n = c.nodes[n.parent]) found.push(n);
  return found.reverse();
}

/** The nodes that have the same parent, oldest first, itself among them. */
export function siblings(c, node) {
  return Object.values(c.nodes).filter((n) => n.parent === node.parent).sort((a, b) => a.made - b.made);
}

/** Adds a message below another one and shows it. */
export function add(c, parent, message) {
  const last = Math.max(0, ...Object.values(c.nodes).map((n) => n.made));
  const node = { id: newId(), parent, made: Math.max(Date.now(), last + 1), ...message };
  c.nodes[node.id] = node;
  c.leaf = node.id;
  return node;
}

/** Shows the branch of this node: down to its newest end. */
export function choose(c, id) {
  const newest = {};
  for (const n of Object.values(c.nodes)) if (!newest[n.parent] || n.made > newest[n.parent].made) newest[n.parent] = n;
  while (newest[id]) id = newest[id].id;
  c.leaf = id;
}

/** A conversation of its own that begins with the messages up to this one. */
export function fork(c, id, title) {
  const copy = newConversation(c.settings);
  copy.title = title;
  for (const n of path(c, id)) copy.nodes[n.id] = structuredClone(n);
  copy.leaf = id;
  return copy;
}

/** The first line of the first question, short. */
export function titleOf(text) {
  const line = text.trim().split("\n", 1)[0].replace(/[\u0000-\u001f\u202a-\u202e\u2066-\u2069]/g, "");
  return line.length > 60 ? line.slice(0, 57).trimEnd() + "…" : line;
}
