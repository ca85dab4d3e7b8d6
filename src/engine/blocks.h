/* SPDX-License-Identifier: Apache-2.0 */
/* engine/blocks: what architectures are made of.
 *
 * Every function is called by all threads of the team with the same arguments, does its share, and
 * returns after a barrier, so the next one may read what this one wrote. Buffers are those of
 * struct activations; "all rows" means the tokens of the batch. */
#ifndef MOAT_ENGINE_BLOCKS_H
#define MOAT_ENGINE_BLOCKS_H

#include "engine/forward.h"

enum activation { ACT_SILU, ACT_GELU };

/* out = rms_norm(in) * weight, all rows of d_model. */
void block_norm(struct task *t, const float *in, const float *weight, float *out);

/* y (+)= w x + bias, all rows. */
void block_linear(struct task *t, const struct mat *w, const float *bias, const float *x, float *y,
                  bool add);

/* out += norm(o): the residual of architectures that normalise a block's output. In place on x. */
void block_add_normed(struct task *t, const float *o, const float *weight, float *x);

/* act.h -> q, k, v with biases, per-head norms and rotation; k and v go to the KV cache; attention
 * over what each token may see; then wo. The result is added to y, or replaces it. */
void block_attention(struct task *t, const struct layer *l, float *y, bool add);

/* y (+)= down(act(gate h) * up h). */
void block_ffn(struct task *t, const struct layer *l, enum activation act, float *y, bool add);

/* y (+)= sum over the chosen experts of weight * expert(h); weights are the softmax over the
 * chosen. */
void block_experts(struct task *t, const struct layer *l, float *y, bool add);

/* attention.c: the KV write and the attention proper. Its scratch: the state of RUN_TOKENS queries
 * a head of the group, and one block of keys and values as F32. */
#define RUN_TOKENS   16u /* queries that share a converted block */
#define QUERY_FLOATS 8u
void attend(struct task *t, const struct layer *l);

/* Rows of a job that belong to thread t->id when `n` items are cut into equal runs. */
static inline void task_share(const struct task *t, uint32_t n, uint32_t *from, uint32_t *to)
{
    uint32_t threads = workers_count(t->f->workers);
    *from = (uint32_t)((uint64_t)n * t->id / threads);
    *to = (uint32_t)((uint64_t)n * (t->id + 1) / threads);
}

static inline void task_barrier(struct task *t)
{
    workers_barrier(t->f->workers, t->id);
}

#endif
