// SPDX-License-Identifier: Apache-2.0
// icons: the strokes of the few icons, drawn on a square of 20.
import { svg, h } from "./dom.js";

const STROKES = {
  plus: "M10 4v12M4 10h12",
  send: "M10 16V4M4.500 9.500 10 4l5.500 5.500",
  stop: "M6 6h8v8H6z",
  copy: "M7 7V3.500h9.500V13H13M3.500 7H13v9.500H3.500z",
  check: "M4 10.500l4 4 8-9",
  again: "M16 10a6 6 0 1 1-1.800-4.300M16 3v3.500h-3.500",
  edit: "M4 16l.8-3.300L13 4.500l2.500 2.500-8.200 8.200zM11.500 6l2.500 2.500",
  fork: "M6 4v12M6 10c0-3 8-1 8-5M4.500 4h3M4.500 16h3M12.500 5h3",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  down: "M5 8l5 5 5-5",
  bin: "M4 6h12M8 6V4h4v2M5.500 6l.7 10h7.600l.7-10",
  clip: "M14.500 9.500l-5 5a3 3 0 0 1-4.300-4.300l6-6a2 2 0 0 1 2.900 2.900l-5.700 5.700a.9.9 0 0 1-1.300-1.300l4.800-4.800",
  dials: "M4 6h7M15 6h1M4 14h1M9 14h7M13 4v4M7 12v4",
  menu: "M3.500 6h13M3.500 10h13M3.500 14h13",
  close: "M5 5l10 10M15 5L5 15",
  chart: "M3.500 16.500h13M5 13l3.500-4 3 2.500L16 5.500",
  key: "M12.800 3.800a3.400 3.400 0 1 1-2.300 5.900L4 16.200h3v-2h2v-2M13.300 7h.01",
  sun: "M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7M10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.500 4.500l1 1M14.500 14.500l1 1M15.500 4.500l-1 1M5.500 14.500l-1 1",
  file: "M5 3h6.500L15 6.500V17H5zM11 3v4h4",
  find: "M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4M12.800 12.800 17 17",
  more: "M4.500 10h1M9.500 10h1M14.500 10h1",
  save: "M10 3.500v9M6 9l4 4 4-4M4 16.500h12",
  open: "M10 12.500v-9M6 7l4-4 4 4M4 16.500h12",
  end: "M10 4v11M5.500 10.500 10 15l4.500-4.500",
  eject: "M4.500 15.500h11M10 4.500l5.500 7h-11z",
  load: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M8.500 7.500v5l4-2.500z",
  go: "M5 4.500v11l5.500-5.500zM14 5v10",
  help: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14M8 8.200c0-2.600 4.200-2.400 4 .1-.1 1.500-2 1.700-2 3.200M10 14.200h.01",
};

export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true" }, svg("path", { d: STROKES[name] }));
}

/** A button with an icon alone; `label` is its name for everybody else and its tooltip. */
export function iconButton(name, label, properties) {
  return h("button.icon-button", { type: "button", title: label, ariaLabel: label, ...properties }, icon(name));
}
