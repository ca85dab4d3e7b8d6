// SPDX-License-Identifier: Apache-2.0
// dom: making elements. h("button.primary", {onclick: send}, "Send") is all the templating there is.
//
// Text is always a text node, so nothing that a model, a file or a server says becomes markup here; no module of the
// page assigns innerHTML (a test keeps that), and the server's policy forbids it.

const SVG = "http://www.w3.org/2000/svg";

/** An element "tag.class.class"; properties; children: nodes, texts, lists of them, or nothing. */
export function h(what, properties, ...children) {
  const [tag, ...classes] = what.split(".");
  const e = document.createElement(tag);
  if (classes.length) e.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties ?? {})) set(e, name, value);
  e.append(...flat(children));
  return e;
}

/** The same in SVG; properties are attributes. */
export function svg(tag, attributes, ...children) {
  const e = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes ?? {})) e.setAttribute(name, value);
  e.append(...flat(children));
  return e;
}

export function replace(parent, ...children) {
  parent.replaceChildren(...flat(children));
}

export function find(selector, within = document) {
  return within.querySelector(selector);
}

function flat(children) {
  return children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false);
}

function set(e, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
  else if (name.startsWith("aria")) e.setAttribute("aria-" + name.slice(4).toLowerCase(), value);
  else if (name in e) e[name] = value;
  else e.setAttribute(name, value === true ? "" : value);
}

/** What screen readers hear, without being moved. */
export function say(text) {
  find("#live").textContent = text;
}

/** At most one call a frame, the newest wins. */
export function perFrame(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}

/** A moment in which nothing else has to be done; for work that can wait. */
export function idle() {
  return new Promise((go) => {
    if (window.requestIdleCallback) requestIdleCallback(go, { timeout: 300 });
    else setTimeout(go, 16);
  });
}

export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); // pages over plain HTTP have no clipboard of their own
  }
}

function copyBySelection(text) {
  const area = h("textarea.unseen", { value: text, ariaHidden: "true" });
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
