// SPDX-License-Identifier: Apache-2.0
// prefs: what this browser remembers beside conversations: theme, language, model, settings of new conversations, and
// the key, for as long as the tab is open or, where the user says so, until it is forgotten.

const PREFIX = "moat.";
const KEY = PREFIX + "key";

export function get(name, otherwise) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

export function put(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // a browser that keeps nothing: it is asked again next time
  }
}

export function key() {
  try {
    return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/** Is the key kept after the tab is closed? */
export function keyStays() {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false;
  }
}

export function setKey(text, stays) {
  forgetKey();
  (stays ? localStorage : sessionStorage).setItem(KEY, text);
}

export function forgetKey() {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}

/** "auto", "light" or "dark" */
export function theme() {
  return get("theme", "auto");
}

export function setTheme(name) {
  put("theme", name);
  showTheme();
}

export function showTheme() {
  document.documentElement.dataset.theme = theme();
}
