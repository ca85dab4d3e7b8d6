/* SPDX-License-Identifier: Apache-2.0 */
/* engine/batch: see batch.h. */
#include "engine/batch.h"

#include "base/mem.h"

bool batch_new(struct batch *b, uint32_t max, struct err *e)
{
    *b = (struct batch){.max = max};
    b->token = mem_new(5 * (size_t)max, sizeof *b->token, e);
    if (!b->token)
        return false;
    b->pos = b->token + max;
    b->seq = b->pos + max;
    b->type = b->seq + max;
    b->out = b->type + max;
    return true;
}

void batch_free(struct batch *b)
{
    mem_free(b->token);
    *b = (struct batch){0};
}

void batch_reset(struct batch *b, bool prompt)
{
    b->prompt = prompt;
    b->n = b->n_out = 0;
}

void batch_add(struct batch *b, uint32_t seq, uint32_t pos, uint32_t token, bool want_logits)
{
    must(b->n < b->max);
    b->token[b->n] = token;
    b->pos[b->n] = pos;
    b->seq[b->n] = seq;
    b->type[b->n] = 0;
    if (want_logits)
        b->out[b->n_out++] = b->n;
    b->n++;
}
