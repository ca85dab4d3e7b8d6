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

/** Begins to fill the node. run.onChange may be set, and set anew, by whoever shows it; onEnd is called when all is kept.
 *  run.stop() ends the answer where it is; run.drop() does, and nothing more is kept of the conversation. */
export function start(conversation, node, onChange, onEnd, goesOn = false) {
  const control = new AbortController();
  const run = { conversation, node, onChange, dropped: false, stop: () => control.abort(), drop };
  let saved = performance.now();
  live.set(conversation.id, run);
  answer(conversation, node, control.signal, () => {
    run.onChange();
    if (run.dropped || performance.now() - saved < SAVE_MS || node.finish) return;
    saved = performance.now();
    save(conversation).catch(() => {});
  }, goesOn).then(() => end(run, onEnd));
  return run;
}

function drop() {
  this.dropped = true;
  this.stop();
}

async function end(run, onEnd) {
  live.delete(run.conversation.id);
  if (run.dropped) return;
  run.conversation.updated = Date.now();
  await save(run.conversation).catch(() => {});
  onEnd(run);
}
