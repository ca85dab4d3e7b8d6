// SPDX-License-Identifier: Apache-2.0
// answer: one answer of the model: what is asked, what comes, how fast; no DOM.
//
// A node of the conversation is filled while its parts come, and `onChange` is told. Whatever happens, the node says
// afterwards how it ended: finish is "stop", "length", "stopped" (by the user) or "error" (then `error` says which).
import { chat as askServer, ApiError } from "./api.js";
import { withFiles } from "./files.js";
import { path } from "./tree.js";
import { split } from "./think.js";

/** What the server is asked for a node whose parent is the question. Throws a SyntaxError where the schema is no JSON. */
export function bodyOf(conversation, node) {
  const s = conversation.settings;
  const messages = s.system.trim() ? [{ role: "system", content: s.system }] : [];
  for (const n of path(conversation, node.parent)) {
    if (n.role === "user" || n.content) addTo(messages, n.role, n.role === "user" ? withFiles(n) : n.content);
  }
  const body = { model: node.model, messages };
  for (const [name, value] of Object.entries(s.params)) if (value !== null && value !== "") body[name] = value;
  if (s.format === "json") body.response_format = { type: "json_object" };
  if (s.format === "schema") {
    body.response_format = { type: "json_schema", json_schema: { name: "answer", schema: JSON.parse(s.schema), strict: true } };
  }
  return body;
}

/** Questions that got no answer become one with the next: many templates want the roles to take turns. */
function addTo(messages, role, content) {
  const last = messages.at(-1);
  if (last?.role === role) last.content += "\n\n" + content;
  else messages.push({ role, content });
}

/** Fills the node; ends when the answer has. */
export async function answer(conversation, node, signal, onChange) {
  const clock = { start: performance.now(), first: 0, thoughtEnd: 0, last: 0, parts: 0 };
  const raw = { content: "", reasoning: "" };
  node.finish = null;
  try {
    await askServer(bodyOf(conversation, node), signal, (part) => {
      takePart(node, raw, clock, part);
      onChange();
    });
    node.finish ??= "stop";
  } catch (e) {
    if (e.name === "AbortError") node.finish = "stopped";
    else {
      node.finish = "error";
      node.error = wordsOf(e);
    }
  }
  if (split(raw.content).open) node.content ||= raw.reasoning || node.thought ? "" : raw.content;
  measure(node, clock, performance.now());
  onChange();
}

function wordsOf(e) {
  if (e instanceof ApiError) return { kind: e.kind, message: e.message, remedy: e.remedy, retryAfter: e.retryAfter };
  if (e instanceof SyntaxError) return { kind: "schema", message: e.message, remedy: "" };
  return { kind: "server", message: String(e.message ?? e), remedy: "" };
}

function takePart(node, raw, clock, part) {
  if (part.usage) node.usage = { prompt: part.usage.prompt_tokens, tokens: part.usage.completion_tokens, cached: part.usage.prompt_tokens_details?.cached_tokens ?? 0 };
  const choice = part.choices?.[0];
  if (!choice) return;
  if (choice.finish_reason) node.finish = choice.finish_reason;
  const { content = "", reasoning_content: reasoning = "" } = choice.delta ?? {};
  if (!content && !reasoning) return;
  raw.content += content ?? "";
  raw.reasoning += reasoning ?? "";
  const now = performance.now();
  clock.first ||= now;
  clock.last = now;
  clock.parts++;
  const inner = split(raw.content);
  node.thought = raw.reasoning || inner.thought;
  node.content = inner.answer;
  node.thinking = inner.open || !node.content;
  if (node.thinking) clock.thoughtEnd = now;
  measure(node, clock, now);
}

/** Seconds to the first token and of thinking, tokens a second after the first. */
function measure(node, clock, now) {
  if (!clock.first) return;
  const n = node.usage?.tokens ?? clock.parts;
  const spent = ((node.usage ? clock.last : now) - clock.first) / 1000;
  node.first = (clock.first - clock.start) / 1000;
  node.tokens = n;
  node.speed = n > 1 && spent > 0 ? (n - 1) / spent : 0;
  if (node.thought) node.thoughtSeconds = (clock.thoughtEnd - clock.first) / 1000;
  if (node.finish) delete node.thinking;
}
