// SPDX-License-Identifier: Apache-2.0
// store: the conversations, kept in this browser (IndexedDB) and nowhere else.
//
// Two tables: "heads" has what the list shows of each, "chats" the whole. Where the browser keeps nothing (some private
// windows), they live as long as the page does, and `kept` is false.

let database = null;
const memory = { heads: new Map(), chats: new Map() };
export let kept = true;

function done(request) {
  return new Promise((yes, no) => {
    request.onsuccess = () => yes(request.result);
    request.onerror = () => no(request.error);
  });
}

export async function open() {
  try {
    const request = indexedDB.open("moat", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("heads", { keyPath: "id" });
      request.result.createObjectStore("chats", { keyPath: "id" });
    };
    database = await done(request);
  } catch {
    kept = false;
  }
}

/** {id, title, updated} of each, the newest first. */
export async function heads() {
  const all = database ? await done(database.transaction("heads").objectStore("heads").getAll()) : [...memory.heads.values()];
  return all.sort((a, b) => b.updated - a.updated);
}

export async function load(id) {
  return database ? done(database.transaction("chats").objectStore("chats").get(id)) : memory.chats.get(id);
}

/** All of them, whole. */
export async function all() {
  return database ? done(database.transaction("chats").objectStore("chats").getAll()) : [...memory.chats.values()];
}

/** Goes through all of them, one at a time, until `each` returns false. */
export function walk(each) {
  if (!database) {
    for (const chat of memory.chats.values()) if (each(chat) === false) break;
    return Promise.resolve();
  }
  return new Promise((yes, no) => {
    const request = database.transaction("chats").objectStore("chats").openCursor();
    request.onerror = () => no(request.error);
    request.onsuccess = () => {
      if (!request.result || each(request.result.value) === false) yes();
      else request.result.continue();
    };
  });
}

export async function save(chat) {
  const head = { id: chat.id, title: chat.title, updated: chat.updated };
  await write((table) => {
    table("heads").put(head);
    table("chats").put(chat);
  });
}

export async function remove(id) {
  await write((table) => {
    table("heads").delete(id);
    table("chats").delete(id);
  });
}

function write(work) {
  if (!database) {
    work((name) => ({
      put: (value) => memory[name].set(value.id, structuredClone(value)),
      delete: (id) => memory[name].delete(id),
    }));
    return Promise.resolve();
  }
  return new Promise((yes, no) => {
    const t = database.transaction(["heads", "chats"], "readwrite");
    t.oncomplete = yes;
    t.onerror = t.onabort = () => no(t.error);
    work((name) => t.objectStore(name));
  });
}
