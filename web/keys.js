// SPDX-License-Identifier: Apache-2.0
// keys: the key this browser uses, and for an operator all keys of the server with what each may and has used.
// Making and revoking keys is for the command line of the server's machine alone; the commands stand here.
import { allowance, ApiError, getJson } from "./api.js";
import { dialog } from "./dialog.js";
import { copyText, h, replace } from "./dom.js";
import { iconButton } from "./icons.js";
import * as prefs from "./prefs.js";
import { date, number, t } from "./words.js";

/** Asks for a key and keeps it. Resolves to whether one was given. */
export async function askKey() {
  const field = h("input", { type: "password", autocomplete: "off", spellcheck: false, required: true, autofocus: true, placeholder: "moat_…", ariaLabel: t("Key") });
  const stays = h("input", { type: "checkbox", checked: prefs.keyStays() });
  const given = await dialog(t("Enter a key"), (close) => h("form", { onsubmit: (e) => (e.preventDefault(), close(field.value.trim())) },
    h("p", null, t("This server gives answers to those who have a key. Who runs it makes one with:")), command("moat key add NAME"),
    h("label.field", null, h("span", null, t("Key")), field), h("label.check", null, stays, h("span", null, t("Keep it in this browser after the tab is closed"))),
    h("div.dialog-foot", null, h("button.plain-button", { type: "button", onclick: () => close() }, t("Cancel")), h("button.primary", null, t("Use this key")))));
  if (given) prefs.setKey(given, stays.checked);
  return Boolean(given);
}

function command(text) {
  return h("div.command", null, h("code", null, text), iconButton("copy", t("Copy"), { onclick: () => copyText(text) }));
}

export function keysView(app) {
  const v = { mine: h("section.card.wide"), limits: h("section.card.wide"), all: h("section.card.wide"), app };
  v.element = h("section.panel", { ariaLabel: t("Keys and limits") }, h("div.panel-body", null, h("h1", null, t("Keys and limits")), h("div.cards", null, v.mine, v.limits, v.all)));
  return Object.assign(v, { start: () => draw(v), stop() {} });
}

async function draw(v) {
  drawMine(v, await access());
  await Promise.all([drawLimits(v), drawAll(v)]);
}

/** What the server says to this browser: "open", "good" (the key is) or "refused". */
async function access() {
  try {
    await getJson("v1/models");
    return prefs.key() ? "good" : "open";
  } catch (e) {
    return e instanceof ApiError && e.kind === "key" ? "refused" : "unknown";
  }
}

function drawMine(v, state) {
  const key = prefs.key(), id = /^moat_([0-9A-Za-z]{8})_/.exec(key)?.[1];
  const words = { open: t("This server asks for no key here: it is reached from its own machine alone."), good: t("The server takes this key."),
    refused: key ? t("The server does not take this key: it may have been revoked, or has come to its end.") : t("This server asks for a key."),
    unknown: t("The server cannot be asked now.") }[state];
  replace(v.mine, h("div.card-head", null, h("h3", null, t("The key of this browser"))), h("p", null, words),
    key ? h("p", null, h("span.chip", null, id ? `moat_${id}_…` : t("a key")), " ", prefs.keyStays() ? t("kept until it is forgotten") : t("kept until this tab is closed")) : null,
    key && state === "good" ? allowances() : null,
    h("div.problem-actions", null, h("button.primary", { type: "button", onclick: v.app.enterKey }, key ? t("Use another key") : t("Enter a key")),
      key ? h("button.plain-button", { type: "button", onclick: () => (prefs.forgetKey(), draw(v)) }, t("Forget it")) : null));
}

/** What is left of this minute, where the key has limits. */
function allowances() {
  const rows = [["requests", t("Requests left this minute")], ["tokens", t("Tokens left this minute")]].filter(([what]) => allowance[what]);
  return rows.length === 0 ? null : h("dl.facts", null, rows.map(([what, words]) => {
    const { limit, left } = allowance[what];
    return [h("dt", null, words), h("dd", null, h("meter", { min: 0, max: limit, value: left, low: limit * 0.2, high: limit * 0.5, optimum: limit, ariaLabel: words }),
      " ", t("{n} of {all}", { n: number(left), all: number(limit) }))];
  }));
}

async function drawLimits(v) {
  let props = null;
  try {
    props = await getJson("props");
  } catch {
    // without it there is nothing to say
  }
  const rows = [[t("Answers at once"), props?.total_slots], [t("Tokens of context"), props?.default_generation_settings?.n_ctx]].filter(([, n]) => typeof n === "number");
  v.limits.hidden = rows.length === 0;
  replace(v.limits, h("div.card-head", null, h("h3", null, t("Limits of the server"))), h("dl.facts", null, rows.map(([words, n]) => [h("dt", null, words), h("dd", null, number(n))])),
    h("p.hint", null, t("Set where the server is started: moat serve --parallel, --context, --memory; moat config show lists all.")));
}

async function drawAll(v) {
  const head = h("div.card-head", null, h("h3", null, t("All keys")));
  if (!prefs.key()) {
    replace(v.all, head, h("p.hint", null, t("The list of all keys is for operators: enter the key of one to see it.")), commands());
    return;
  }
  try {
    const { keys } = await getJson("moat/keys");
    replace(v.all, head, keys.length ? tableOf(keys) : h("p.hint", null, t("There are no keys yet.")), commands());
  } catch (e) {
    const why = e.status === 404 ? t("This server does not list its keys here.") : e.kind === "key" ? t("The list of all keys is for operators: enter the key of one to see it.") : e.message;
    replace(v.all, head, h("p.hint", null, why), commands());
  }
}

function commands() {
  return [h("p.hint", null, t("Keys are made and revoked on the server's machine:")), h("div.commands", null, ["moat key add NAME", "moat key list", "moat key revoke NAME"].map(command))];
}

const NAMES = { requests_per_minute: t("requests a minute"), tokens_per_minute: t("tokens a minute"), concurrent: t("at once"), models: t("models"), scopes: t("may"),
  tenant: t("tenant"), expires: t("until"), subject: t("certificate"), role: t("role") };

function tableOf(keys) {
  const columns = [t("Name"), t("Id"), t("Made"), t("Terms"), t("Requests"), t("Tokens"), t("Now")];
  return h("div.table", { tabIndex: 0, role: "region", ariaLabel: t("All keys") }, h("table", null, h("thead", null, h("tr", null, columns.map((w) => h("th", { scope: "col" }, w)))),
    h("tbody", null, keys.map((k) => h("tr", { className: k.expired ? "expired" : "" }, h("th", { scope: "row", dir: "auto" }, k.name), h("td", null, h("code", null, k.id)),
      h("td", null, date(k.created * 1000)), h("td", null, h("div.tags", null, termsOf(k))), h("td", null, number(k.used?.requests ?? 0)),
      h("td", null, number((k.used?.prompt_tokens ?? 0) + (k.used?.completion_tokens ?? 0))), h("td", null, number(k.requests_live ?? 0)))))));
}

function termsOf(k) {
  const parts = Object.entries(k.terms ?? {}).filter(([, value]) => value !== null && value !== "" && !(Array.isArray(value) && !value.length))
    .map(([name, value]) => h("span.tag", null, `${NAMES[name] ?? name}: ${spell(name, value)}`));
  if (k.expired) parts.unshift(h("span.tag.bad", null, t("expired")));
  return parts.length ? parts : "–";
}

function spell(name, value) {
  if (name === "expires" && typeof value === "number") return date(value * 1000);
  return Array.isArray(value) ? value.join(", ") : typeof value === "number" ? number(value) : String(value);
}
