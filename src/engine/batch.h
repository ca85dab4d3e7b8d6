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
    uint32_t *out;   /* [n_out] rows whose hidden state is wanted, ascending */
};

bool batch_new(struct batch *b, uint32_t max, struct err *e) MUST_USE;
void batch_free(struct batch *b);
void batch_reset(struct batch *b);
/* The caller keeps to max, to the vocabulary, and to positions reserved in the KV cache. */
void batch_add(struct batch *b, uint32_t seq, uint32_t pos, uint32_t token, bool want_logits);

#endif
