// SPDX-License-Identifier: Apache-2.0
// words: the page in English, which stands in the source, and in Chinese (zh.js). t("Send") is the word in the language
// of the user; {names} in it are replaced. A test keeps zh.js complete.
import { get, put } from "./prefs.js";
import { CHINESE } from "./zh.js";

const chosen = get("language", null);
export const language = chosen ?? (navigator.language?.toLowerCase().startsWith("zh") ? "zh" : "en");

export function setLanguage(name) {
  put("language", name);
  location.reload();
}

export function t(text, values) {
  const words = language === "zh" ? CHINESE[text] ?? text : text;
  return values ? words.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all) : words;
}

const locale = language === "zh" ? "zh-CN" : "en";

export function number(value, digits = 0) {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);
}

export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return `${number(n, n < 10 && i > 1 ? 1 : 0)} ${units[i]}`;
}

export function seconds(s) {
  if (s < 60) return t("{n} s", { n: number(s, s < 10 ? 1 : 0) });
  if (s < 3600 && s % 60 < 1) return t("{n} min", { n: Math.floor(s / 60) });
  if (s < 3600) return t("{m} min {s} s", { m: Math.floor(s / 60), s: Math.floor(s % 60) });
  return t("{h} h {m} min", { h: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) });
}

export function date(ms) {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(ms);
}

/** "Today", "Yesterday", a month: what groups the list of conversations. */
export function dayOf(ms) {
  const days = Math.floor((new Date().setHours(24, 0, 0, 0) - ms) / 86400000);
  if (days < 1) return t("Today");
  if (days < 2) return t("Yesterday");
  if (days < 7) return t("This week");
  return new Intl.DateTimeFormat(locale, { year: "numeric", month: "long" }).format(ms);
}
