// SPDX-License-Identifier: Apache-2.0
// think: what a model thinks before it answers, folded, with the time it took.
//
// The server sends it apart ("reasoning_content") for the models whose syntax it knows; from others it may come inside
// the answer, as <think>...</think> at its beginning, and is taken out here.
import { h } from "./dom.js";
import { seconds, t } from "./words.js";

const OPEN = "<think>", CLOSE = "</think>";

/** {thought, answer, open}: the two parts of a text; open: the thought has not ended. */
export function split(text) {
  const start = text.trimStart();
  if (!start.startsWith(OPEN)) {
    const begins = start.length < OPEN.length && OPEN.startsWith(start) && start !== "";
    return { thought: "", answer: begins ? "" : text, open: begins };
  }
  const end = start.indexOf(CLOSE);
  if (end < 0) return { thought: start.slice(OPEN.length), answer: "", open: true };
  return { thought: start.slice(OPEN.length, end).trim(), answer: start.slice(end + CLOSE.length).trimStart(), open: false };
}

/** {element, show(text, seconds, open)} */
export function thinking() {
  const words = h("span"), body = h("div.thought", { dir: "auto" }), node = document.createTextNode("");
  body.append(node);
  const element = h("details.think", { hidden: true }, h("summary", null, words), body);
  return {
    element,
    show(text, spent, open) {
      element.hidden = !text;
      element.classList.toggle("open-thought", open);
      words.textContent = open ? t("Thinking… {time}", { time: seconds(spent) }) : t("Thought for {time}", { time: seconds(spent) });
      if (text.startsWith(node.data)) node.appendData(text.slice(node.length));
      else node.data = text;
    },
  };
}
