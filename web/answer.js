// SPDX-License-Identifier: Apache-2.0
// answer: one answer of the model: what is asked, what comes, how fast; no DOM.
//
// A node of the conversation is filled while its parts come, and `onChange` is told. Whatever happens, the node says
// afterwards how it ended: finish is "stop", "length", "stopped" (by the user) or "error" (then `error` says which).
import { ApiError, postJson, stream } from "./api.js";
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
  const body = { model: node.model, messages, ...paramsOf(s) };
  if (s.thinking) body.reasoning_effort = s.thinking;
  if (s.format === "json") body.response_format = { type: "json_object" };
  if (s.format === "schema") {
    body.response_format = { type: "json_schema", json_schema: { name: "answer", schema: JSON.parse(s.schema), strict: true } };
  }
  return body;
}

function paramsOf(s) {
  const params = Object.fromEntries(Object.entries(s.params).filter(([, value]) => value !== null && value !== ""));
  return s.stop?.length ? { ...params, stop: s.stop } : params;
}

/** Questions that got no answer become one with the next: many templates want the roles to take turns. */
function addTo(messages, role, content) {
  const last = messages.at(-1);
  if (last?.role === role) last.content += "\n\n" + content;
  else messages.push({ role, content });
}

/** Can an answer that was cut go on where it ended? Then the server is given the prompt with what was written as text; that
 *  is not what the model saw where it thought, or was told how much to. */
export function canGoOn(node) {
  return (node.finish === "length" || node.finish === "stopped") && Boolean(node.content) && !node.thought && !node.effort && !node.json;
}

async function goOn(conversation, node, signal, onPart) {
  const { model, messages } = bodyOf(conversation, node);
  const { prompt } = await postJson("apply-template", { model, messages }, signal);
  await stream("v1/completions", { model, prompt: prompt + node.content, ...paramsOf(conversation.settings) }, signal, onPart);
}

/** Fills the node; ends when the answer has. goesOn: behind what it has. */
export async function answer(conversation, node, signal, onChange, goesOn = false) {
  const clock = { start: performance.now(), first: 0, thoughtEnd: 0, last: 0, parts: 0, before: goesOn ? node.tokens : 0 };
  const raw = { content: goesOn ? node.content : "", reasoning: "" };
  const onPart = (part) => {
    takePart(node, raw, clock, part);
    onChange();
  };
  node.finish = node.error = node.usage = null;
  try {
    if (goesOn) await goOn(conversation, node, signal, onPart);
    else await stream("v1/chat/completions", bodyOf(conversation, node), signal, onPart);
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
  if (e instanceof ApiError) return { kind: e.kind, status: e.status, message: e.message, remedy: e.remedy, until: e.retryAfter ? Date.now() + e.retryAfter * 1000 : 0 };
  if (e instanceof SyntaxError) return { kind: "schema", message: e.message, remedy: "" };
  return { kind: "server", message: String(e.message ?? e), remedy: "" };
}

function takePart(node, raw, clock, part) {
  if (part.usage) node.usage = { prompt: part.usage.prompt_tokens, tokens: part.usage.completion_tokens, cached: part.usage.prompt_tokens_details?.cached_tokens ?? 0 };
  const choice = part.choices?.[0];
  if (!choice) return;
  if (choice.finish_reason) node.finish = choice.finish_reason;
  const { content = choice.text ?? "", reasoning_content: reasoning = "" } = choice.delta ?? {};
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
  if (node.thinking || !clock.thoughtEnd) clock.thoughtEnd = now;
  measure(node, clock, now);
}

/** Seconds to the first token and of thinking, tokens a second after the first. */
function measure(node, clock, now) {
  if (!clock.first) return;
  const n = node.usage?.tokens ?? clock.parts;
  const spent = ((node.usage ? clock.last : now) - clock.first) / 1000;
  node.first = (clock.first - clock.start) / 1000;
  node.tokens = clock.before + n;
  node.speed = n > 1 && spent > 0 ? (n - 1) / spent : 0;
  if (node.thought) node.thoughtSeconds = (clock.thoughtEnd - clock.first) / 1000;
  if (node.finish) delete node.thinking;
}
