/* SPDX-License-Identifier: Apache-2.0 */
/* engine/blocks: what architectures are made of.
 *
 * Every function is called by all threads of the team with the same arguments, does its share, and
 * returns after a barrier, so the next one may read what this one wrote. Buffers are those of
 * struct activations; "all rows" means the n_tok of the task: the tokens of the batch, or late in
 * the last layer those whose logits are wanted.
 *
 * Activations are converted to the forms the next matrices want (compute/act.h) by whoever makes
 * them: once, however many matrices read them, and without a barrier of its own. */
#ifndef MOAT_ENGINE_BLOCKS_H
#define MOAT_ENGINE_BLOCKS_H

#include "engine/task.h"

/* y = act.h attended: norm(x), q, k, v with biases, per-head norms and rotation; k and v go to the
 * KV cache; attention over what each token may see; then wo. Added to y, or replacing it. */
void block_attention(struct task *t, const struct layer *l, const float *x, float *y, bool add);

/* mla.c: the same through latent vectors. */
void block_latent_attention(struct task *t, const struct layer *l, const float *x, float *y,
                            bool add);

/* y (+)= down(act(gate h) * up h), h = norm(x); without a gate down(act(up h)). */
void block_ffn(struct task *t, const struct layer *l, enum gating act, const float *x, float *y,
               bool add);

/* y (+)= sum over the chosen experts of weight * expert(norm(x)), chosen and weighed as the hparams
 * say, plus the shared expert where there is one. */
void block_experts(struct task *t, const struct layer *l, enum gating act, const float *x, float *y,
                   bool add);
/* One or the other, as the layer has it. */
void block_ffn_or_experts(struct task *t, const struct layer *l, enum gating act, const float *x,
                          float *y, bool add);

/* The same of rows that are in task.in already. */
void block_ffn_normed(struct task *t, const struct layer *l, enum gating act, float *y, bool add);

/* x += norm(o): the residual of architectures that normalise a block's output. */
void block_add_normed(struct task *t, const float *o, struct norm norm, float *x);
/* x = norm(x): the residual of architectures that normalise the sum. */
void block_normalise(struct task *t, float *x, struct norm norm);
/* x += scale * o */
void block_add_scaled(struct task *t, const float *o, float scale, float *x);

/* --- the parts blocks are made of --- */

/* Per-head norm and rotation of n_head heads of one row, in place. */
void norm_and_rotate(struct task *t, const struct layer *l, uint32_t row, float *x, uint32_t n_head,
                     const float *norm);

/* One multiplication of a list: y (+)= w x + bias over all rows of task.in. */
struct product {
    const struct mat *w;
    const float *bias;
    float *y; /* [n][w->rows] */
    bool add;
};

/* act.h = norm(x) for all rows, ready in task.in for the n matrices of p; x itself without norm. */
void block_norm(struct task *t, const float *x, struct norm norm, const struct product *p,
                uint32_t n);
/* out = norm(x) of one row as the architecture does it; out may be x. */
void row_norm(const struct forward *f, const float *x, struct norm norm, float *out);
/* Queries of a row grow with the logarithm of its position (attention.temperature_scale). */
void warm_query(const struct task *t, uint32_t row, float *q, uint32_t width);
/* x [n_rows][k], complete before the call, becomes task.in in the forms p wants. */
void block_input(struct task *t, const float *x, uint32_t n_rows, uint32_t k,
                 const struct product *p, uint32_t n);
/* The same of rows `stride` apart. */
void block_rows(struct task *t, const float *x, uint32_t n_rows, uint32_t k, uint32_t stride,
                const struct product *p, uint32_t n);
/* Gated rows that become the next input piece by piece, by whoever made a piece: when all are made
 * and a barrier is passed, `in` is it. Columns of pieces begin at multiples of 32. */
struct block_pieces {
    struct act in;
    unsigned forms; /* that `next` wants, beside F32 */
};
/* g: [n_rows][k]. */
struct block_pieces block_pieces(struct task *t, const float *g, uint32_t n_rows, uint32_t k,
                                 const struct product *next);
/* act.g = act(act.g) u in columns k0..k1 of rows from..from + n, converted; u NULL: act(act.g). */
void block_gate_piece(const struct task *t, const struct block_pieces *p, enum gating act,
                      const float *u, uint32_t from, uint32_t n, uint32_t k0, uint32_t k1);
/* Runs the products of a list over task.in, chunk by chunk of all of them. */
void block_products(struct task *t, const struct product *p, uint32_t n);

/* In the last layer, once keys and values (or the state) have all tokens: leaves in act.x and in a
 * [n_tok][width], rows `stride` apart, the rows whose logits are wanted. What follows is done for
 * these alone. */
void block_keep_wanted(struct task *t, const struct layer *l, float *a, uint32_t width,
                       uint32_t stride);

/* The same of an array that was not at hand then: leaves in a the rows whose logits are wanted,
 * where t->n_tok counts these already. */
void block_keep_too(struct task *t, float *a, uint32_t width, uint32_t stride);

/* attention.c: the KV write and the attention proper, act.q -> act.a. Its scratch: the state of the
 * queries of a run, then what the kernels want. */
#define RUN_QUERIES  256u /* queries of one KV head that share its keys and values, about */
#define QUERY_FLOATS 10u
#define PART_KEYS    256u /* while decoding, keys are cut into parts of so many at least, ... */
#define ATTEND_PARTS 32u  /* ... and so many parts at most */
void attend(struct task *t, const struct layer *l);

/* Tokens of a run, when `group` query heads share a KV head. */
static inline uint32_t run_tokens(uint32_t group)
{
    return group < RUN_QUERIES / 64 ? 64 : group > RUN_QUERIES ? 1 : RUN_QUERIES / group;
}

static inline uint64_t run_query_floats(uint32_t group)
{
    return ((uint64_t)run_tokens(group) * group * QUERY_FLOATS + 15) & ~(uint64_t)15;
}

/* A part's weighted sum of values, maximum and sum of weights. */
static inline uint64_t attend_part_floats(uint32_t d_v)
{
    return ((uint64_t)d_v + 2 + 15) & ~(uint64_t)15;
}

/* Rows of a matrix handed out at once. */
uint32_t task_chunk_rows(const struct task *t, const struct mat *w, enum act_form form);

#endif
