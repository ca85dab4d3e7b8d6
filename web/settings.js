// SPDX-License-Identifier: Apache-2.0
// settings: the panel beside a conversation: system prompt, form of the answer, sampling. What is left empty is the
// model's own default and is not sent.
import { h, replace } from "./dom.js";
import { notice } from "./dialog.js";
import { iconButton } from "./icons.js";
import { get, put } from "./prefs.js";
import { t } from "./words.js";

/** name in the API: [words, what it does, least, most, step] */
const PARAMS = {
  temperature: [t("Temperature"), t("0 always takes the likeliest word; higher is wilder."), 0, 5, 0.05],
  top_p: [t("Top P"), t("Only the likeliest words that together have this probability."), 0, 1, 0.01],
  top_k: [t("Top K"), t("Only this many of the likeliest words."), 0, 1000, 1],
  min_p: [t("Min P"), t("Only words at least this likely, measured by the likeliest."), 0, 1, 0.01],
  repeat_penalty: [t("Repeat penalty"), t("Above 1, words that were said are less likely."), 0.5, 3, 0.05],
  max_tokens: [t("Most tokens"), t("Longest answer; empty is up to the context."), 1, 1000000, 1],
  seed: [t("Seed"), t("The same number gives the same answer again."), 0, 4294967295, 1],
};

const EXAMPLE = `{
  "type": "object",
  "properties": {
    "name": { "type": "string" },
    "year": { "type": "integer" }
  },
  "required": ["name", "year"]
}`;

const FRESH = { system: "", thinking: "", stop: [], format: "text", schema: EXAMPLE, params: {} };

export function defaults() {
  return get("settings", structuredClone(FRESH));
}

/** {element, show(settings), toggle(), close(), shown}; onChange when the user changed anything. */
export function settingsPanel(onChange) {
  const element = h("aside.drawer", { hidden: true, ariaLabel: t("Settings of this conversation") });
  const panel = { element, settings: defaults(), onChange, opener: null };
  element.addEventListener("keydown", (e) => {
    if (e.key !== "Escape") return;
    e.stopPropagation();
    close(panel);
  });
  return Object.assign(panel, {
    show(settings) {
      panel.settings = settings;
      if (!element.hidden) draw(panel);
    },
    toggle: () => (element.hidden ? open(panel) : close(panel)),
    open: () => open(panel),
  });
}

function open(panel) {
  panel.opener = document.activeElement;
  panel.element.hidden = false;
  draw(panel);
  panel.element.scrollTop = 0;
  panel.element.querySelector("textarea").focus();
}

function close(panel) {
  panel.element.hidden = true;
  panel.opener?.focus();
}

function draw(panel) {
  const s = panel.settings;
  const changed = () => panel.onChange(s);
  replace(panel.element,
    h("div.drawer-head", null, h("h2", null, t("Settings")), iconButton("close", t("Close"), { onclick: () => close(panel) })),
    systemField(s, changed), formatFields(s, changed), thinkingField(s, changed),
    h("h3", null, t("Sampling")), h("p.hint", null, t("Empty fields leave it to the model.")),
    Object.keys(PARAMS).map((name) => paramField(s, name, changed)), stopField(s, changed),
    h("div.drawer-foot", null,
      h("button.plain-button", { type: "button", onclick: () => reset(panel) }, t("Reset")),
      h("button.plain-button", { type: "button", onclick: () => keepAsDefault(s) }, t("Use for new conversations"))));
}

function systemField(s, changed) {
  const field = h("textarea", { rows: 4, value: s.system, placeholder: t("Who the model is, how it answers.") });
  field.oninput = () => {
    s.system = field.value;
    changed();
  };
  return h("label.field", null, h("span", null, t("System prompt")), field);
}

/** How much a model thinks before it answers; one that does not think does not mind. */
function thinkingField(s, changed) {
  const kinds = [["", t("Model's own")], ["none", t("Off")], ["low", t("Little")], ["medium", t("Medium")], ["high", t("Much")]];
  const field = h("select", { onchange: () => {
    s.thinking = field.value;
    changed();
  } }, kinds.map(([value, words]) => h("option", { value, selected: (s.thinking ?? "") === value }, words)));
  return h("label.field.row", null, h("span", null, t("Thinking"), h("small", null, t("Of models that think before they answer."))), field);
}

function formatFields(s, changed) {
  const problem = h("p.field-problem", { role: "status" });
  const schema = h("textarea.mono", { rows: 8, value: s.schema, spellcheck: false, ariaLabel: t("JSON Schema") });
  const box = h("div", { hidden: s.format !== "schema" }, schema, problem);
  const check = () => (problem.textContent = schemaProblem(schema.value));
  schema.oninput = () => {
    s.schema = schema.value;
    check();
    changed();
  };
  const kinds = [["text", t("Text")], ["json", t("JSON")], ["schema", t("JSON Schema")]];
  const choice = h("div.segments", { role: "radiogroup", ariaLabel: t("Form of the answer") }, kinds.map(([kind, words]) => h("label", null,
    h("input", { type: "radio", name: "format", value: kind, checked: s.format === kind, onchange: () => {
      s.format = kind;
      box.hidden = kind !== "schema";
      check();
      changed();
    } }), h("span", null, words))));
  check();
  return h("div.field", null, h("span", null, t("Form of the answer")), choice, box);
}

function schemaProblem(text) {
  try {
    const v = JSON.parse(text);
    return v && typeof v === "object" && !Array.isArray(v) ? "" : t("A JSON Schema is an object.");
  } catch (e) {
    return t("This is not valid JSON: {why}", { why: e.message });
  }
}

function paramField(s, name, changed) {
  const [words, what, min, max, step] = PARAMS[name];
  const field = h("input", { type: "number", min, max, step, value: s.params[name] ?? "", placeholder: t("default"), inputMode: "decimal" });
  field.oninput = () => {
    field.ariaInvalid = String(!field.validity.valid);
    if (!field.validity.valid) return;
    if (field.value === "") delete s.params[name];
    else s.params[name] = Number(field.value);
    changed();
  };
  return h("label.field.row", { title: what }, h("span", null, words, h("small", null, what)), field);
}

function stopField(s, changed) {
  const field = h("textarea.mono", { rows: 2, value: (s.stop ?? []).join("\n"), spellcheck: false });
  field.oninput = () => {
    s.stop = field.value.split("\n").filter(Boolean);
    changed();
  };
  return h("label.field", null, h("span", null, t("Stop at"), h("small", null, t("Texts that end the answer, one a line."))), field);
}

function reset(panel) {
  Object.assign(panel.settings, structuredClone(FRESH));
  panel.onChange(panel.settings);
  draw(panel);
}

function keepAsDefault(s) {
  put("settings", s);
  notice(t("New conversations begin with these settings."));
}
