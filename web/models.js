// SPDX-License-Identifier: Apache-2.0
// models: which models the server has, what they take, whether they are loaded; and the picker.
//
// Read from /v1/models, /api/tags, /api/ps, /ready and /health. What a server does not say is not shown.
import { getJson, getOptional, health, postJson } from "./api.js";
import { notice } from "./dialog.js";
import { h, replace } from "./dom.js";
import { icon, iconButton } from "./icons.js";
import { arrows } from "./menu.js";
import { get, key, put } from "./prefs.js";
import { bytes, number, t } from "./words.js";

const LOADING_MS = 1000, READY_MS = 15000;

/** {element, name(), current(), missing(), refresh(), open(), list}; onChange after every look, onError with what went wrong. */
export function modelPicker({ onChange, onError }) {
  const label = h("span.model-name", null, "…"), bar = h("progress", { hidden: true, ariaLabel: t("Loading the model") });
  const button = h("button.model", { type: "button", ariaHaspopup: "menu", ariaExpanded: "false", title: t("Choose a model") }, label, bar, icon("down"));
  const menu = h("div.menu", { role: "menu", ariaLabel: t("Models"), hidden: true });
  const picker = { element: h("div.model-box", null, button, menu), button, menu, label, bar, list: [], looked: false, chosen: get("model", null), timer: 0, onChange, onError };
  button.onclick = () => (menu.hidden ? openMenu(picker) : closeMenu(picker));
  arrows(menu, () => (closeMenu(picker), button.focus()));
  document.addEventListener("click", (e) => !picker.element.contains(e.target) && closeMenu(picker));
  return Object.assign(picker, {
    current: () => current(picker),
    missing: () => missing(picker),
    name: () => current(picker)?.name ?? picker.chosen ?? "",
    refresh: () => refresh(picker),
    open: () => openMenu(picker),
  });
}

function current(picker) {
  return picker.list.find((m) => m.name === picker.chosen) ?? picker.list[0];
}

/** Why there is no model, and what to do; "" as long as that is not known. */
function missing(picker) {
  if (picker.list.length || !picker.looked) return "";
  return key() ? t("The server shows no model that you may use. Another key may open more, or ask who runs the server.")
    : t("There is no model here yet. On the server's machine, moat pull NAME brings one (moat catalog search lists some); it appears here by itself.");
}

async function refresh(picker) {
  clearTimeout(picker.timer);
  const state = await health();
  try {
    picker.list = await look(state);
    picker.looked = true;
    picker.onChange();
  } catch (e) {
    picker.list = [];
    picker.looked = false;
    picker.onError(e);
  }
  show(picker, state);
  const soon = !state.ready || !picker.list.length || picker.list.some((m) => m.loading);
  picker.timer = setTimeout(() => document.hidden || refresh(picker), soon ? LOADING_MS : READY_MS);
}

/** Each model: {name, size, parameters, quantization, context, memory, loaded, progress} */
async function look(state) {
  const [models, tags, running, told] = await Promise.all([getJson("v1/models"), ...["api/tags", "api/ps", "ready"].map(listOf)]);
  return models.data.map(({ id }) => {
    const tag = tags.find((m) => m.name === id) ?? {}, ps = running.find((m) => m.name === id), ready = told.find((m) => m.model === id);
    return {
      name: id, size: tag.size, parameters: tag.details?.parameter_size, quantization: tag.details?.quantization_level,
      context: ps?.context_length, memory: ready?.memory_bytes || ps?.size, loaded: Boolean(ps),
      loading: !ps && (ready ? ready.state === "loading" : state.loading), progress: ready?.progress,
    };
  });
}

async function listOf(path) {
  return (await getOptional(path))?.models ?? [];
}

function show(picker, state) {
  const m = current(picker);
  picker.label.textContent = m?.name ?? (state.loading ? t("Loading the model…") : t("No model"));
  const loading = m ? m.loading : state.loading;
  picker.bar.hidden = !loading;
  if (m?.progress > 0 && m.progress < 1) picker.bar.value = m.progress;
  else picker.bar.removeAttribute("value");
  picker.button.title = m ? describe(m) : t("Choose a model");
  if (!picker.menu.hidden) refill(picker);
}

/** The newest state, without taking the keyboard's place away. */
function refill(picker) {
  const buttons = () => [...picker.menu.querySelectorAll("button")], at = buttons().indexOf(document.activeElement);
  fill(picker);
  buttons()[at]?.focus();
}

/** A model in a few words: its size, its context, where it is. */
export function describe(m) {
  const parts = [m.parameters, m.quantization, m.size ? bytes(m.size) : null, m.context ? t("{n} tokens of context", { n: number(m.context) }) : null,
    m.loading ? (m.progress > 0 ? t("loading, {n} %", { n: number(m.progress * 100) }) : t("loading")) : m.loaded ? (m.memory ? t("in memory: {size}", { size: bytes(m.memory) }) : t("in memory")) : t("loaded when asked")];
  return parts.filter(Boolean).join(" · ");
}

function fill(picker) {
  const chosen = current(picker);
  replace(picker.menu, picker.list.length ? picker.list.map((m) => h("div.menu-row", { role: "none" }, h("button.menu-item", {
    type: "button", role: "menuitemradio", ariaChecked: String(m === chosen), onclick: () => choose(picker, m),
  }, h("span.dot", { className: "dot " + (m.loaded ? "on" : m.loading ? "wait" : "off") }), h("span.menu-words", null, h("strong", null, m.name), h("small", null, describe(m)),
    m.loading ? h("progress", { ariaLabel: t("Loading the model"), ...(m.progress > 0 ? { value: m.progress } : {}) }) : null), m === chosen ? icon("check") : null), loadButton(picker, m)))
    : h("p.menu-empty", null, picker.missing()));
}

/** Into memory before it is needed, or out of it. */
function loadButton(picker, m) {
  const words = m.loaded ? t("Unload {name}", { name: m.name }) : t("Load {name}", { name: m.name });
  return iconButton(m.loaded ? "eject" : "load", words, { role: "menuitem", disabled: m.loading, onclick: async () => {
    setTimeout(() => refresh(picker), 100);
    try {
      await postJson("api/generate", { model: m.name, stream: false, ...(m.loaded ? { keep_alive: 0 } : {}) });
    } catch (e) {
      notice(`${e.message} ${e.remedy ?? ""}`);
    }
    refresh(picker);
  } });
}

function choose(picker, m) {
  picker.chosen = m.name;
  put("model", m.name);
  closeMenu(picker);
  picker.button.focus();
  refresh(picker);
}

function openMenu(picker) {
  fill(picker);
  picker.menu.hidden = false;
  picker.button.ariaExpanded = "true";
  (picker.menu.querySelector('[aria-checked="true"]') ?? picker.menu.querySelector("button"))?.focus();
  refresh(picker);
}

function closeMenu(picker) {
  picker.menu.hidden = true;
  picker.button.ariaExpanded = "false";
}
