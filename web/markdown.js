// SPDX-License-Identifier: Apache-2.0
// markdown: what a model wrote -> DOM that cannot do anything.
//
// marked reads the text; its output passes DOMPurify with a short list of elements and attributes, and arrives as a
// fragment, never as a string put into the page. HTML in the text is shown as it was written, images as their
// description and address, links with the host they lead to; nothing is fetched. What would take long to read (one block
// of many kilobytes, hundreds of levels of nesting) is shown as the plain text that it is.
import "./lib/marked.js";
import { h } from "./dom.js";
import { dress } from "./code.js";
import { sanitized } from "./sanitize.js";
import { t } from "./words.js";

const PIECE = 8 << 10; // characters that are read at once
const PLAIN = 64 << 10; // of plain text that are shown at once
const MARKS = 1200; // in one piece
const WORD = 3000; // of ASCII without a blank
const SLOW = 60; // ms for one piece, after which the rest is plain

const { marked } = globalThis;
const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
marked.use({
  mangle: false,
  headerIds: false,
  gfm: true,
  breaks: true,
  renderer: {
    html: (text) => escape(text),
    image: (href, title, text) => `<span class="image">${escape(text || t("image"))} (${escape(href ?? "")})</span>`,
    checkbox: (checked) => (checked ? "☑ " : "☐ "),
  },
});

/** Text as it stands, in a box that grows where there is more than can be shown at once. */
export function plain(text) {
  if (text.length <= PLAIN) return h("div.plain", { dir: "auto" }, text);
  const rest = text.length - PLAIN;
  const more = h("button.more", { type: "button" }, t("Show {n} characters more", { n: Math.min(rest, PLAIN) }));
  const box = h("div.plain", { dir: "auto" }, text.slice(0, PLAIN));
  const part = h("div", null, box, more);
  more.onclick = () => more.replaceWith(plain(text.slice(PLAIN)));
  return part;
}

/** More than this many marks of quotes or lists one in the other: no text that a reader wants. */
function isDeep(text) {
  return text.split("\n").some((line) => {
    const marks = /^[\s>*+\-\d.)]*/.exec(line)[0];
    return marks.length > 200 || (marks.match(/[>*+)-]/g)?.length ?? 0) > 60;
  });
}

/** So many marks of emphasis, links and the like, or so long a word, that finding their ends takes long. */
function isDense(text) {
  return text.split(/[^\x21-\x7e]/).some((word) => word.length > WORD) || (text.match(/[*_[\]<(@~]/g)?.length ?? 0) > MARKS;
}

/** One piece, read by marked; null where it is not to be. */
function piece(text) {
  if (text.length > PIECE * 2 || isDense(text) || isDeep(text)) return null;
  try {
    return sanitized(marked.parse(text));
  } catch {
    return null;
  }
}

/** Where the text may be cut: [piece, piece, ...], each a few whole blocks; code between fences stays whole. */
export function pieces(text, size = PIECE) {
  const found = [];
  let start = 0, at = 0, fence = "";
  for (const line of text.split("\n")) {
    const next = at + line.length + 1;
    fence = fenceAfter(fence, line);
    if (!fence && !line.trim() && next - start >= size) {
      found.push(text.slice(start, next));
      start = next;
    }
    at = next;
  }
  if (start < text.length) found.push(text.slice(start));
  return found;
}

/** The fence that is open after this line ("" for none), when `fence` was before it. */
export function fenceAfter(fence, line) {
  const mark = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line);
  if (!mark) return fence;
  if (!fence) return mark[1][0] === "`" && mark[2].includes("`") ? "" : mark[1];
  return mark[1][0] === fence[0] && mark[1].length >= fence.length && !mark[2].trim() ? "" : fence;
}

/** A long block of code alone needs no reading. */
function codeAlone(text) {
  const m = /^\s*(`{3,}|~{3,})[ \t]*([\w+#.-]{0,30})[^\n]*\n([\s\S]*?)(?:\n {0,3}\1[`~]*\s*)?$/.exec(text);
  if (!m || m[3].includes("\n" + m[1])) return null;
  const code = h("code", null, m[3]);
  if (m[2]) code.className = "language-" + m[2];
  return h("pre", null, code);
}

/** The whole text as DOM. */
export function render(text) {
  const out = document.createDocumentFragment();
  let slow = false;
  for (const part of pieces(text)) {
    const before = performance.now();
    out.append((slow ? null : (part.length > PIECE && codeAlone(part)) || piece(part)) ?? plain(part));
    slow ||= performance.now() - before > SLOW;
  }
  dress(out);
  return out;
}
