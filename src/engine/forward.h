/* SPDX-License-Identifier: Apache-2.0 */
/* engine/forward: one pass of a batch through the model.
 *
 * Takes a batch whose positions are reserved in the KV cache, gives the hidden state of the rows
 * that want logits; forward_logits then multiplies some of them with the output matrix. Neither can
 * fail or allocate: all memory is taken by forward_new. The same token at the same position after
 * the same context gives the same bits, whatever else is in the batch and however many threads run.
 *
 * All threads of the team execute the architecture's formula together (arch/<name>.c): each block
 * of blocks.h splits its work between them and ends with a barrier. */
#ifndef MOAT_ENGINE_FORWARD_H
#define MOAT_ENGINE_FORWARD_H

#include <stdatomic.h>

#include "base/workers.h"
#include "compute/kernel.h"
#include "engine/batch.h"
#include "engine/kv.h"
#include "engine/model.h"
#include "engine/stages.h"

struct forward_params {
    struct kv_params kv;
    uint32_t n_threads;
    uint32_t n_logits; /* rows forward_logits may be asked for at once */
    enum precision precision;
    struct workers *workers; /* the team of another forward, borrowed; NULL: one of its own */
};

/* Intermediate results of a pass; rows are batch tokens. */
struct activations {
    float *x; /* [n_batch][d_model] residual stream */
    float *h; /* [n_batch][d_model] normalised input of a block */
    float *o; /* [n_batch][d_model] output of a block */
    float *q; /* [n_batch][n_head * d_head] */
    float *k; /* [n_batch][n_head_kv * d_head] */
    float *v; /* [n_batch][n_head_kv * d_head_v] */
    float *a; /* [n_batch][n_head * d_head_v] attention, before wo */
    /* [DECODE_TOKENS][n_head][ATTEND_PARTS][attend_part_floats], where g lies: attention.c */
    float *parts;
    float *g; /* [n_ffn_rows][d_ff] gate */
    float *u; /* [n_ffn_rows][d_ff] up; right after g, which may hold both: [n_ffn_rows][2 d_ff] */
    /* Room for other forms (compute/act.h) of the rows a multiplication reads; mid is filled with
     * the gated values while in is still read. */
    struct act in, mid;
    float *angles[2]; /* [n_batch][n_rot / 2][2] of model.rope and model.rope_local */
    float *spare[4];  /* [n_batch, whole tiles][h.d_spare] whatever the architecture needs */
    /* Mixture of experts; a pair is (token, one of its experts), sorted by expert. */
    float *route;          /* [n_batch][n_expert] router probabilities */
    float *choice;         /* [n_batch][n_expert] what the choice goes by */
    uint32_t *pair_token;  /* [n_pair_rows]; UINT32_MAX: padding */
    uint32_t *pair_of;     /* [n_batch][n_used] pair index of a token's j-th expert */
    float *pair_weight;    /* [n_batch][n_used] */
    uint32_t *expert_from; /* [n_expert + 1] first row of each expert, whole tiles in a prompt */
    uint32_t *expert_n;    /* [n_expert] its pairs */
    float *px;             /* [n_pair_rows][d_model] gathered inputs, then outputs */
    float *lora;           /* [n_batch][m.lora_width] what adapters made of the input of a matrix */
};

struct forward {
    const struct model *m;
    const struct kernels *kernels;
    struct workers *workers;
    struct kv *kv;
    struct forward_params p;
    struct batch batch;
    /* Called between layers, where it is not NULL; true ends the pass there: `stopped`, and the
     * sequences of the batch are good for kv_truncate to nothing only. */
    bool (*look)(void *arg);
    void *look_arg;
    bool stopped;
    struct activations act;
    float *lora_scale;    /* [n_seq][m.n_adapters] of each sequence */
    bool adapted;         /* one of the batch's has one that is not 0 */
    struct stages *clock; /* NULL: nobody wants to know; may be changed between passes */
    float *hidden;        /* [n_batch][d_model] normalised final states of batch.out */
    float *logits;        /* [p.n_logits][n_vocab] */
    float *scratch;       /* [n_threads][scratch_floats] */
    size_t scratch_floats;
    void *memory; /* what the pointers above point into */
    size_t memory_bytes;
};

/* Bytes of scratch forward_new will take beside the KV cache. */
uint64_t forward_bytes(const struct model *m, const struct forward_params *p);
struct forward *forward_new(const struct model *m, const struct forward_params *p,
                            struct err *e) MUST_USE;
void forward_free(struct forward *f);

/* The scales at which the model's adapters work in a sequence, from the next pass on: what was
 * computed with others must not be used on. scale [m.n_adapters], NULL: all 0, as after
 * forward_new.
 */
void forward_adapt(struct forward *f, uint32_t seq, const float *scale);

/* Runs f->batch. The states of batch.out are in f->hidden afterwards. */
void forward(struct forward *f);
/* Logits of hidden rows first..first+n (n <= p.n_logits): [n][n_vocab], valid until the next call.
 */
const float *forward_logits(struct forward *f, uint32_t first, uint32_t n);

#endif
