// SPDX-License-Identifier: Apache-2.0
// runs: the answers that are being made, one for each conversation at most. They go on while another conversation, or
// another part of the page, is looked at.
import { answer } from "./answer.js";
import { save } from "./store.js";

const SAVE_MS = 2000;
const live = new Map(); // id of the conversation -> run

export function runOf(conversation) {
  return live.get(conversation.id) ?? null;
}

/** Begins to fill the node. run.onChange may be set, and set anew, by whoever shows it; onEnd is called once. */
export function start(conversation, node, onChange, onEnd) {
  const control = new AbortController();
  const run = { conversation, node, onChange, stop: () => control.abort() };
  let saved = performance.now();
  live.set(conversation.id, run);
  run.ended = answer(conversation, node, control.signal, () => {
    run.onChange();
    if (performance.now() - saved < SAVE_MS || node.finish) return;
    saved = performance.now();
    save(conversation).catch(() => {});
  }).then(() => {
    live.delete(conversation.id);
    conversation.updated = Date.now();
    onEnd(run);
    return save(conversation);
  });
  return run;
}
