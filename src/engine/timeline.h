/* SPDX-License-Identifier: Apache-2.0 */
/* engine/timeline: one sequence of tokens and the part of it that has been computed.
 *
 * The caller states the whole sequence it wants; timeline_sync computes what is new, reusing the
 * longest common prefix. The logits after the last token are ready afterwards.
 *
 * Several sequences share a pass by the steps below: timeline_add for each, forward, and the rows
 * of forward_logits in the order of those that wanted them. */
#ifndef MOAT_ENGINE_TIMELINE_H
#define MOAT_ENGINE_TIMELINE_H

#include <stdatomic.h>

#include "engine/forward.h"

struct timeline {
    struct forward *f; /* borrowed */
    uint32_t seq;
    uint32_t *token; /* [n_ctx], owned */
    uint32_t n;
    const float *logits; /* [n_vocab] after token n-1; timeline_push_all: a row for each token */
};

bool timeline_new(struct timeline *t, struct forward *f, uint32_t seq, struct err *e) MUST_USE;
void timeline_free(struct timeline *t);

/* Brings the timeline to exactly these n > 0 tokens; *reused says how many needed no work. Stops
 * between batches with ERR_CANCELLED when *cancel (may be NULL) becomes true; what was computed is
 * kept. */
bool timeline_sync(struct timeline *t, const uint32_t *token, uint32_t n, const atomic_bool *cancel,
                   uint32_t *reused, struct err *e) MUST_USE;
/* Appends one token. ERR_LIMIT when the context is full. */
bool timeline_push(struct timeline *t, uint32_t token, struct err *e) MUST_USE;
/* Appends n tokens, DECODE_TOKENS at most, in one pass: `logits` has a row behind each of them,
 * the same bits as one by one. */
bool timeline_push_all(struct timeline *t, const uint32_t *token, uint32_t n,
                       struct err *e) MUST_USE;
/* Takes back tokens of the last pass until there are n; only where timeline_can_cut. */
void timeline_cut(struct timeline *t, uint32_t n);
bool timeline_can_cut(const struct timeline *t); /* recurrent models cannot go back like that */

/* Tokens at the beginning of token [n] that this timeline has too. */
uint32_t timeline_same(const struct timeline *t, const uint32_t *token, uint32_t n);
/* Keeps of it what is the beginning of token [n] and can be gone back to, but the last of them;
 * returns how much that is. */
uint32_t timeline_keep(struct timeline *t, const uint32_t *token, uint32_t n);
/* How many of the `left` tokens of a prompt the next pass takes, which has room for max. */
uint32_t timeline_step(const struct timeline *t, uint32_t left, uint32_t max);
/* Puts n tokens that follow into the forward's batch; the logits behind the last n_wanted of them
 * are wanted. */
bool timeline_add(struct timeline *t, const uint32_t *token, uint32_t n, uint32_t n_wanted,
                  struct err *e) MUST_USE;
/* Makes it the first n tokens of another of the same forward, n being a kv_place of that. */
bool timeline_share(struct timeline *t, const struct timeline *from, uint32_t n,
                    struct err *e) MUST_USE;
void timeline_forget(struct timeline *t);

/* The tokens and what was computed of them, as bytes; restoring them makes the next timeline_sync
 * reuse them. Errors are those of kv_restore, and leave an empty timeline; so does a token
 * the model has not. */
/* The same where kv_restore_some has brought back all of a sequence of these n tokens. */
void timeline_restored(struct timeline *t, const uint32_t *token, uint32_t n);
uint64_t timeline_saved_bytes(const struct timeline *t);
bool timeline_save(const struct timeline *t, kv_sink_fn *sink, void *arg, struct err *e) MUST_USE;
bool timeline_restore(struct timeline *t, const unsigned char *in, uint64_t n,
                      struct err *e) MUST_USE;

#endif
