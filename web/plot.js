// SPDX-License-Identifier: Apache-2.0
// plot: lines over the last minutes, as SVG; what they say stands in words beside them, for everybody.
import { h, replace, svg } from "./dom.js";
import { seconds, t } from "./words.js";

const WIDTH = 480, HEIGHT = 140, LEFT = 52, BOTTOM = 20, TOP = 8;

/** lines: [{name, of(point)}]; spell: number -> text; base: the scale's steps are powers of it (1024 for bytes). {element, draw(points, seconds)}; a point has `at` (ms). */
export function plot(title, lines, spell, base = 10) {
  const frame = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "plot" });
  const now = h("strong.figure"), sums = h("p.plot-sums"), tip = h("div.tip", { hidden: true });
  const element = h("section.card", null, h("div.card-head", null, h("h3", null, title), now), h("div.plot-box", null, frame, tip), sums);
  const state = { frame, now, sums, tip, title, lines, spell, base, points: [], span: 1, top: 1, marks: svg("g"), hover: null };
  for (const kind of ["pointermove", "pointerdown"]) frame.addEventListener(kind, (e) => point(state, e));
  frame.addEventListener("pointerleave", () => point(state, null));
  return { element, draw: (points, span) => draw(Object.assign(state, { points, span })) };
}

function valuesOf(s, line) {
  return s.points.map((p) => line.of(p));
}

function draw(s) {
  const all = s.lines.map((line) => valuesOf(s, line)), known = all.flat().filter((v) => v !== null);
  const top = (s.top = niceTop(Math.max(0, ...known), s.base));
  replace(s.frame, grid(s, top), all.map((values, i) => lineOf(s, values, top, i)), s.marks);
  mark(s);
  const last = all.map((values) => values.findLast((v) => v !== null) ?? null);
  s.now.textContent = last[0] === null ? t("no data yet") : s.spell(last[0]);
  replace(s.sums, s.lines.map((line, i) => h("span.legend.line-" + i, null, h("i"), line.name, " ", h("b", null, last[i] === null ? "–" : s.spell(last[i])),
    h("small", null, averageOf(s, all[i])))));
  s.frame.setAttribute("aria-label", `${s.title}: ${s.lines.map((line, i) => `${line.name} ${last[i] === null ? "–" : s.spell(last[i])}`).join(", ")}`);
}

function averageOf(s, values) {
  const known = values.filter((v) => v !== null);
  if (!known.length) return "";
  return " " + t("mean {mean}, most {most}", { mean: s.spell(known.reduce((a, b) => a + b, 0) / known.length), most: s.spell(Math.max(...known)) });
}

/** 1, 2 or 5 times a power of ten, not less; of bytes a power of two. */
function niceTop(most, base) {
  if (!(most > 0)) return 1;
  if (base !== 10) return 2 ** Math.ceil(Math.log2(most));
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].find((m) => m * power >= most) * power;
}

const x = (s, at) => LEFT + (1 - (s.points.at(-1).at - at) / (s.span * 1000)) * (WIDTH - LEFT - 6);
const y = (value, top) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);

function grid(s, top) {
  const rules = [0, 0.5, 1].map((part) => [
    svg("line", { class: "rule", x1: LEFT, x2: WIDTH - 6, y1: y(part * top, top), y2: y(part * top, top) }),
    svg("text", { class: "tick", x: LEFT - 6, y: y(part * top, top) + 4, "text-anchor": "end" }, s.spell(part * top))]);
  const minutes = Array.from({ length: Math.floor(s.span / 60) }, (_, i) => WIDTH - 6 - ((i + 1) * 60 / s.span) * (WIDTH - LEFT - 6));
  return [rules, minutes.map((at) => svg("line", { class: "rule", x1: at, x2: at, y1: y(0, top), y2: y(0, top) + 4 })), svg("text", { class: "tick", x: LEFT, y: HEIGHT - 4 }, t("{time} ago", { time: seconds(s.span) })),
    svg("text", { class: "tick", x: WIDTH - 6, y: HEIGHT - 4, "text-anchor": "end" }, t("now"))];
}

function lineOf(s, values, top, i) {
  let path = "", pen = "M", first = null, last = 0;
  values.forEach((v, j) => {
    if (v === null) {
      pen = "M";
      return;
    }
    const px = x(s, s.points[j].at).toFixed(1);
    if (Number(px) < LEFT) return;
    path += `${pen}${px} ${y(v, top).toFixed(1)}`;
    first ??= px;
    last = px;
    pen = "L";
  });
  if (!path) return null;
  const area = i === 0 && !path.slice(1).includes("M") ? svg("path", { class: "area", d: `${path}L${last} ${y(0, top)}L${first} ${y(0, top)}Z` }) : null;
  return [area, svg("path", { class: `line line-${i}`, d: path })];
}

/** The pointer is over the plot (null: it has left): the nearest look stays marked while lines move on. */
function point(s, e) {
  s.hover = null;
  if (e && s.points.length) {
    const box = s.frame.getBoundingClientRect(), at = ((e.clientX - box.left) / box.width) * WIDTH;
    s.hover = s.points.reduce((a, b) => (Math.abs(x(s, b.at) - at) < Math.abs(x(s, a.at) - at) ? b : a));
  }
  mark(s);
}

function mark(s) {
  const p = s.hover, at = p ? x(s, p.at) : 0;
  s.tip.hidden = !p || at < LEFT;
  if (s.tip.hidden) {
    replace(s.marks);
    return;
  }
  replace(s.marks, svg("line", { class: "cross", x1: at, x2: at, y1: TOP, y2: y(0, s.top) }),
    s.lines.map((line, i) => (line.of(p) === null ? null : svg("circle", { class: "dot-" + i, cx: at, cy: y(line.of(p), s.top), r: 3.5 }))));
  replace(s.tip, h("small", null, new Date(p.at).toLocaleTimeString()), s.lines.map((line, i) => h("div.legend.line-" + i, null, h("i"), line.name, " ",
    h("b", null, line.of(p) === null ? "–" : s.spell(line.of(p))))));
  const part = at / WIDTH, right = part > 0.55;
  s.tip.style.left = right ? "auto" : `${part * 100 + 2}%`;
  s.tip.style.right = right ? `${(1 - part) * 100 + 2}%` : "auto";
}
