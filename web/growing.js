// SPDX-License-Identifier: Apache-2.0
// growing: an answer as it comes, with no more work for a new token than the paragraph it stands in.
//
// Blocks that are finished (a blank line came after them, outside of code) are read once and stay. Of the last one, code
// is appended to as text, and a paragraph is read anew in each frame. When the answer has ended, it is read as a whole.
import { h, perFrame } from "./dom.js";
import { fenceAfter, pieces, plain, render } from "./markdown.js";

const TAIL = 6 << 10; // characters of a paragraph that are read anew; more are appended as text
const SHOWN = 256 << 10; // of one block while it comes; all of it is there when it has ended
const WHOLE = 24 << 10; // of an answer that is read again as a whole when it has ended

/** {element, push(text), end(text)} */
export function growing() {
  const settled = h("div.settled"), tail = h("div.tail");
  const element = h("div.markdown", null, settled, tail);
  const state = { text: "", done: 0, seen: 0, fence: "", settled, tail, live: null };
  const draw = perFrame(() => {
    if (!state.tail.isConnected) return;
    settle(state);
    drawTail(state);
  });
  return {
    element,
    push(text) {
      state.text += text;
      draw();
    },
    end(text) {
      state.text = text;
      if (text.length <= WHOLE) element.replaceChildren(render(text));
      else finish(state);
    },
  };
}

/** Moves what is finished out of the tail. */
function settle(s) {
  let boundary = 0;
  for (let end = s.text.indexOf("\n", s.seen); end >= 0; end = s.text.indexOf("\n", s.seen)) {
    const line = s.text.slice(s.seen, end);
    const closed = s.fence;
    s.fence = fenceAfter(s.fence, line);
    s.seen = end + 1;
    if (!s.fence && (closed || !line.trim())) boundary = s.seen;
    if (!closed && s.fence) boundary = s.seen - line.length - 1;
  }
  if (boundary <= s.done) return;
  for (const part of pieces(s.text.slice(s.done, boundary))) s.settled.append(render(part));
  s.done = boundary;
  s.live = null;
}

function finish(s) {
  settle(s);
  s.settled.append(render(s.text.slice(s.done)));
  s.tail.remove();
}

function drawTail(s) {
  const text = s.text.slice(s.done, s.done + SHOWN);
  const kind = s.fence ? "code" : text.length > TAIL ? "plain" : "read";
  if (kind === "read") {
    s.live = null;
    s.tail.replaceChildren(render(text));
    return;
  }
  if (s.live?.kind !== kind) s.live = begin(s, kind);
  const shown = kind === "code" ? text.slice(text.indexOf("\n") + 1) : text;
  s.live.node.appendData(shown.slice(s.live.node.length));
}

function begin(s, kind) {
  const node = document.createTextNode("");
  const box = kind === "code" ? h("div.code", null, h("div.code-bar", null, h("span", null, "…")), h("pre", null, h("code", null, node)))
    : plain("");
  if (kind === "plain") box.append(node);
  s.tail.replaceChildren(box);
  return { kind, node };
}
