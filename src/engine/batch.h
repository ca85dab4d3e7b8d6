/* SPDX-License-Identifier: Apache-2.0 */
/* engine/batch: the tokens of one forward pass, of any sequences, in order. */
#ifndef MOAT_ENGINE_BATCH_H
#define MOAT_ENGINE_BATCH_H

#include <stdint.h>

#include "base/err.h"

struct batch {
    uint32_t n, max, n_out;
    uint32_t *token; /* [max] ids, below n_vocab */
    uint32_t *pos;   /* [max] position in its sequence */
    uint32_t *seq;   /* [max] */
    uint32_t *type;  /* [max] of the part of a text that it is in; 0 where there is one */
    uint32_t *out;   /* [n_out] rows whose hidden state is wanted, ascending */
    /* Tokens that are read, not written: they take the prompt's kernels even when they are few, so
     * that a prompt has the same bits however it is cut into batches. */
    bool prompt;
};

bool batch_new(struct batch *b, uint32_t max, struct err *e) MUST_USE;
void batch_free(struct batch *b);
void batch_reset(struct batch *b, bool prompt);
/* What kernels are told of n rows of this batch: those of a prompt count as many. */
static inline uint32_t batch_kernel_rows(const struct batch *b, uint32_t n)
{
    return b->prompt ? UINT32_MAX : n;
}

/* The caller keeps to max, to the vocabulary, and to positions reserved in the KV cache. */
void batch_add(struct batch *b, uint32_t seq, uint32_t pos, uint32_t token, bool want_logits);

#endif
