/* SPDX-License-Identifier: Apache-2.0 */
/* run/generate: the journey of a token, from prompt to text.
 *
 * A generator owns an open model with everything a conversation with it needs: vocabulary, chat
 * template, weights, KV cache. It keeps what it has computed: a prompt that begins like the last
 * one only costs its new tokens. One generation at a time; only `cancel` may be touched meanwhile.
 */
#ifndef MOAT_RUN_GENERATE_H
#define MOAT_RUN_GENERATE_H

#include <stdatomic.h>

#include "run/completion.h"
#include "run/loaded.h"

struct generation {
    enum finish finish;
    char stop[64]; /* FINISH_STOP: the sequence, cut to fit */
    uint32_t n_prompt, n_reused, n_generated;
    uint32_t n_dropped, n_kept; /* by settings.context_shift: tokens gone, after the first n_kept */
    double prompt_s, first_token_s, decode_s; /* first_token_s: from the call to the first text */
    double mask_s;                            /* of decode_s: what the grammar took */
    uint64_t seed;
};

struct generator;

/* Takes g over, also on failure. Only context_window is read from the settings here. *plan is
 * filled as soon as it is known: when it does not fit, the error is ERR_LIMIT and plan->total >
 * plan->budget. */
struct generator *generator_open(struct gguf *g, const struct settings *s,
                                 const struct load_options *o, struct memplan *plan,
                                 struct err *e) MUST_USE;
void generator_close(struct generator *g);

const struct vocab *generator_vocab(const struct generator *g);
const struct chat *generator_chat(const struct generator *g); /* NULL: the model has no template */
uint32_t generator_context(const struct generator *g);        /* tokens of context in use */
uint32_t generator_context_trained(const struct generator *g);
uint32_t generator_threads(const struct generator *g);

/* What was computed so far as a file (run/state), to go on with it in another process: the next
 * prompt that begins with the same tokens reuses it. `attached` comes back with it. The file is
 * bound to the model by the SHA-256 of all its bytes and the options of positions, which the first
 * call computes. */
bool generator_save(struct generator *g, const char *path, struct str attached,
                    struct err *e) MUST_USE;
bool generator_restore(struct generator *g, const char *path, struct buf *attached,
                       struct err *e) MUST_USE;
uint32_t generator_length(const struct generator *g); /* tokens computed and kept */

/* Whole UTF-8 characters as they become certain; false cancels. */
typedef bool generate_text_fn(void *arg, struct str text);

/* With settings.grammar the answer is what that allows, and is complete unless it was cancelled,
 * stopped, or the limit of tokens is below the shortest answer.
 *
 * Answers `prompt` (special tokens in it are parsed; BOS is added as the model wants it, unless the
 * prompt starts with it). With settings.context_shift a full context loses its oldest tokens
 * (run/shift) instead of ending the answer or refusing the prompt. An answer cut by a cancel is a
 * success with FINISH_CANCELLED; a prompt longer than the context is ERR_LIMIT with both counts. */
bool generate(struct generator *g, struct str prompt, const struct settings *s,
              const atomic_bool *cancel, generate_text_fn *on_text, void *arg,
              struct generation *result, struct err *e) MUST_USE;

#endif
