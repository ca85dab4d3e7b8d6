// SPDX-License-Identifier: Apache-2.0
// metrics: the text that /metrics gives (Prometheus, version 0.0.4), and what can be computed from two looks at it.
// A series that a server does not have is null, and what is computed from it too.

/** Map of name -> [{labels, value}] */
export function parse(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    const m = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!m || line.startsWith("#")) continue;
    if (!found.has(m[1])) found.set(m[1], []);
    found.get(m[1]).push({ labels: labelsOf(m[2] ?? ""), value: Number(m[3].replace("Inf", "Infinity")) });
  }
  return found;
}

function labelsOf(text) {
  const labels = {};
  for (const [, name, value] of text.matchAll(/(\w+)="((?:\\.|[^"\\])*)"/g)) labels[name] = value.replace(/\\n/g, "\n").replace(/\\(.)/g, "$1");
  return labels;
}

/** The sum of all series of the first of these names that is there, or null. */
export function sum(metrics, ...names) {
  for (const name of names) {
    const series = metrics.get("moat_" + name);
    if (series) return series.reduce((all, s) => all + s.value, 0);
  }
  return null;
}

/** The same by the value of a label: Map. */
export function by(metrics, name, label) {
  const found = new Map();
  for (const s of metrics.get("moat_" + name) ?? []) found.set(s.labels[label] ?? "", (found.get(s.labels[label] ?? "") ?? 0) + s.value);
  return found;
}

export function increase(now, before, ...names) {
  const a = sum(now, ...names), b = sum(before, ...names);
  return a === null || b === null ? null : Math.max(0, a - b);
}

/** The time below which a share of the requests between two looks stayed, from a histogram; null where there were none. */
export function quantile(now, before, name, share) {
  const earlier = buckets(before, name), counts = [...buckets(now, name)].map(([le, n]) => [le, n - (earlier.get(le) ?? 0)]);
  counts.sort((a, b) => a[0] - b[0]);
  const all = counts.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  let low = 0, under = 0;
  for (const [le, n] of counts) {
    if (n >= share * all) return le === Infinity ? low : low + ((le - low) * (share * all - under)) / Math.max(n - under, 1e-9);
    low = le;
    under = n;
  }
  return low;
}

function buckets(metrics, name) {
  const found = new Map();
  for (const { labels, value } of metrics.get(`moat_${name}_bucket`) ?? []) {
    const le = Number(labels.le.replace("+Inf", "Infinity"));
    found.set(le, (found.get(le) ?? 0) + value);
  }
  return found;
}
