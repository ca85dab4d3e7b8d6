// SPDX-License-Identifier: Apache-2.0
// status: what the server does now: plots of the last five minutes from /metrics, its models, and where its work stands.
// Looks once a second while it is seen; what the server does not tell is left out.
import { ApiError, getOptional, getText, health } from "./api.js";
import { h, replace } from "./dom.js";
import { by, increase, parse, quantile, sum } from "./metrics.js";
import { plot } from "./plot.js";
import { bytes, number, seconds, t } from "./words.js";

const EVERY_MS = 1000, SPAN_S = 300, WINDOW_S = 5; // rates are over the last five seconds

export function statusView() {
  const v = { points: [], looks: [], timer: 0, tiles: h("div.tiles"), models: h("section.card.wide"), problem: h("div.problem", { role: "alert", hidden: true }) };
  const ms = (s) => (s < 1 ? t("{n} ms", { n: number(s * 1000) }) : seconds(s)), rate = (n) => number(n, n < 10 && n > 0 ? 1 : 0);
  v.plots = [
    plot(t("Tokens a second"), [{ name: t("written"), of: (p) => p.written }, { name: t("read"), of: (p) => p.read }], rate),
    plot(t("Latency"), [{ name: t("first token, median"), of: (p) => p.first }, { name: t("whole answer, 95 %"), of: (p) => p.whole }, { name: t("this page asks"), of: (p) => p.asked }], ms),
    plot(t("Work"), [{ name: t("being answered"), of: (p) => p.running }, { name: t("waiting"), of: (p) => p.waiting }], rate),
    plot(t("Memory"), [{ name: t("in use"), of: (p) => p.memory }], bytes, 1024),
  ];
  v.element = h("section.panel", { ariaLabel: t("Server") }, h("div.panel-body", null, h("h1", null, t("Server")), v.problem, v.tiles,
    h("div.cards", null, v.plots.map((p) => p.element), v.models)));
  return Object.assign(v, { start: () => begin(v), stop: () => clearTimeout(v.timer) });
}

function begin(v) {
  clearTimeout(v.timer);
  look(v);
}

async function look(v) {
  clearTimeout(v.timer);
  v.timer = -1;
  try {
    if (!document.hidden) await lookNow(v);
    v.problem.hidden = true;
  } catch (e) {
    v.problem.hidden = false;
    const known = e instanceof ApiError;
    replace(v.problem, h("strong", null, e.message), known ? h("p", null, e.remedy) : null);
  }
  if (v.timer === -1 && v.element.isConnected) v.timer = setTimeout(() => look(v), EVERY_MS);
}

async function lookNow(v) {
  const before = performance.now(), text = await getText("metrics"), asked = (performance.now() - before) / 1000;
  const [state, running, ready] = await Promise.all([health(), getOptional("api/ps"), getOptional("ready")]);
  const now = { at: Date.now(), metrics: parse(text) };
  v.looks = [...v.looks.filter((l) => now.at - l.at < WINDOW_S * 1000 + 500), now];
  v.points = [...v.points.filter((p) => now.at - p.at < SPAN_S * 1000), pointOf(v.looks[0], now, asked, running)];
  const span = Math.min(SPAN_S, Math.max(60, Math.ceil((now.at - v.points[0].at) / 60000) * 60)); // grows by the minute
  v.plots.forEach((p) => p.draw(v.points, span));
  showTiles(v, now.metrics, state);
  showModels(v, running?.models ?? [], ready?.models ?? [], now.metrics);
}

const REFUSED = [401, 403, 413, 429, 503, 507], LOOKS = ["/health", "/v1/health", "/ready"];
const WRITTEN = ["tokens_generated_total", "tokens_predicted_total"];

function pointOf(old, now, asked, ps) {
  const span = (now.at - old.at) / 1000, m = now.metrics;
  const rate = (...names) => (span > 0 ? (increase(m, old.metrics, ...names) ?? 0) / span : null);
  const live = sum(m, "jobs_running") ?? sum(m, "jobs_live");
  return {
    at: now.at, asked, written: rate(...WRITTEN), read: rate("prompt_tokens_total"), running: live,
    waiting: (sum(m, "jobs_waiting") ?? 0) + (sum(m, "requests_loading") ?? 0), memory: memoryOf(m, ps),
    first: quantile(m, old.metrics, "time_to_first_token_seconds", 0.5), whole: quantile(m, old.metrics, "request_seconds", 0.95) ?? meanAnswer(m, old.metrics),
  };
}

/** Where there is no histogram: the mean time spent on the answers that ended. */
function meanAnswer(now, before) {
  const n = increase(now, before, "requests_ok_total"), s = increase(now, before, "tokens_predicted_seconds_total"), p = increase(now, before, "prompt_seconds_total");
  return n && s ? (s + p) / n : null;
}

function memoryOf(m, ps) {
  const told = sum(m, "memory_bytes");
  if (told !== null) return told;
  const front = sum(m, "resident_bytes");
  return ps ? ps.models.reduce((all, model) => all + (model.size ?? 0), front ?? 0) : front;
}

function showTiles(v, m, state) {
  const requests = m.get("moat_requests_total") ?? [], count = (wanted) => requests.filter((r) => wanted(r.labels, Number(r.labels.status))).reduce((n, r) => n + r.value, 0);
  const answers = count(({ method }, status) => method === "POST" && status < 400);
  const refused = count(({ route }, status) => REFUSED.includes(status) && !LOOKS.includes(route));
  const tile = (words, value, kind = "") => (value === null ? null : h("div.tile" + kind, null, h("span", null, words), h("strong", null, value)));
  replace(v.tiles,
    tile(t("State"), state.ready ? t("ready") : state.loading ? t("loading") : t("not ready"), state.ready ? ".good" : ".bad"),
    tile(t("Up for"), sum(m, "up_seconds") === null ? null : seconds(sum(m, "up_seconds"))),
    tile(t("Answered"), number(answers)), tile(t("Turned away"), number(refused)),
    tile(t("Tokens written"), number(sum(m, ...WRITTEN) ?? 0)), tile(t("Tokens read"), number(sum(m, "prompt_tokens_total") ?? 0)),
    tile(t("Connections"), sum(m, "connections") === null ? null : number(sum(m, "connections"))));
}

function showModels(v, running, ready, m) {
  const names = [...new Set([...ready.map((r) => r.model), ...running.map((r) => r.name)])];
  const jobs = by(m, "jobs_running", "model"), waits = by(m, "jobs_waiting", "model");
  replace(v.models, h("div.card-head", null, h("h3", null, t("Models"))), names.length === 0 ? h("p.hint", null, t("No model is loaded.")) :
    h("div.table", { tabIndex: 0, role: "region", ariaLabel: t("Models") }, h("table", null,
      h("thead", null, h("tr", null, [t("Model"), t("State"), t("Memory"), t("Context"), t("Answers"), t("Cache in use")].map((w) => h("th", { scope: "col" }, w)))),
      h("tbody", null, names.map((name) => rowOf(name, running.find((r) => r.name === name), ready.find((r) => r.model === name), jobs.get(name), waits.get(name)))))));
}

function rowOf(name, ps, r, jobs, waits) {
  const memory = r?.memory_bytes || ps?.size, used = r?.kv_blocks ? (r.kv_blocks_used ?? 0) / r.kv_blocks : null;
  return h("tr", null, h("th", { scope: "row" }, name), h("td", null, stateWord(r?.state ?? (ps ? "ready" : ""), r?.progress)), h("td", null, memory ? bytes(memory) : "–"),
    h("td", null, ps?.context_length ? number(ps.context_length) : "–"), h("td", null, jobs === undefined ? "–" : waits ? t("{n} and {m} waiting", { n: jobs, m: waits }) : number(jobs)),
    h("td", null, used === null ? "–" : [h("meter", { min: 0, max: 1, value: used, ariaLabel: t("Cache in use") }), ` ${number(used * 100)} %`]));
}

function stateWord(state, progress) {
  if (state === "loading" && progress > 0) return t("loading, {n} %", { n: number(progress * 100) });
  return { ready: t("ready"), loading: t("loading"), unloaded: t("not loaded"), unloading: t("being unloaded"), fallen: t("fallen") }[state] ?? (state || "–");
}
