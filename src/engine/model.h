/* SPDX-License-Identifier: Apache-2.0 */
/* engine/model: the weights of an open model, validated and named.
 *
 * Borrows matrices from the gguf mapping (which must outlive it); small vectors are converted to
 * F32 into its arena. Guarantees: every matrix has the shape its architecture's table states, and
 * every tensor of the file is used: one the graph does not know is an error, never ignored. */
#ifndef MOAT_ENGINE_MODEL_H
#define MOAT_ENGINE_MODEL_H

#include "base/mem.h"
#include "compute/mat.h"
#include "engine/hparams.h"

/* One set of rotation frequencies; a model has one or two (local and global layers). */
struct rope {
    bool neox;
    uint32_t n_rot;
    float *inv_freq; /* [n_rot / 2], scaling and factors applied */
    float mscale;    /* multiplies cos and sin (YaRN) */
};

struct norm {
    const float *weight, *bias; /* [d_model]; weight NULL: no norm here, bias NULL: none */
};

struct layer {
    uint32_t index;
    uint32_t window;         /* sliding window in tokens, 0: whole context */
    bool recurrent;          /* has a state instead of keys and values */
    uint32_t kv_slot;        /* this layer's index among those with keys of its kind */
    uint32_t state_slot;     /* and among those with a state */
    const struct rope *rope; /* NULL: no positions in this layer */

    struct norm attn_norm, attn_post_norm;
    const float *q_norm, *k_norm; /* [d_head], or as arch.qk_norm says */
    const float *sinks; /* [n_head] scores of nothing, which only take weight (Xiao et al. 2023) */
    struct mat wq, wk, wv, wo;
    const float *bq, *bk, *bv, *bo;

    /* Latent attention (engine/mla): wk_b [n_head][kv_rank][d_head_mla - n_rot] and wv_b
     * [n_head][d_head_v_mla][kv_rank], or wkv_b for both. */
    struct mat wq_a, wq_b, wkv_a, wk_b, wv_b, wkv_b;
    const float *q_a_norm, *kv_a_norm;

    /* The delta rule (engine/deltanet): q, k, v and z; or all mixed. beta and alpha, or both. */
    struct mat delta_qkv, delta_z, delta_mixed, delta_beta, delta_alpha, delta_ba, delta_out;
    const float *delta_dt, *delta_a, *delta_norm;

    /* A short convolution [taps][channels], and what leads to it and from it. */
    const float *conv, *conv_bias;
    struct mat conv_in, conv_out;

    /* Mamba-2 (engine/mamba2): z, x, B, C and dt of all heads at once. [n_ssm_head] each but the
     * norm, [n_ssm_group][d_ssm / n_ssm_group]. */
    struct mat ssm_in, ssm_out;
    const float *ssm_dt, *ssm_a, *ssm_d, *ssm_norm;

    const float *unread; /* of tensors that files hold and no formula has a place for */

    struct norm ffn_norm, ffn_post_norm;
    struct mat w_gate, w_up, w_down; /* [d_ff][d_model] x2, [d_model][d_ff]; w_gate may be none */
    const float *b_gate, *b_up, *b_down;
    struct mat w_router;                                /* [n_expert][d_model] */
    struct mat w_gate_exps, w_up_exps, w_down_exps;     /* stacks of n_expert */
    struct mat w_gate_up_exps;                          /* gate above up, instead of the two */
    const float *b_router, *b_select;                   /* [n_expert]; b_select only in choosing */
    const float *b_gate_exps, *b_up_exps, *b_down_exps; /* [n_expert][rows] */
    struct mat w_gate_shared, w_up_shared, w_down_shared;
    const float *shared_gate; /* [d_model]: its sigmoid weighs the shared expert, or NULL */
};

enum { KV_SLOTS_STATE = 2 };

struct model {
    struct hparams h;
    struct mat embed;     /* [n_vocab][d_model] */
    struct mat output;    /* [n_vocab][d_model]; may be the embedding itself; none in an encoder */
    struct mat positions; /* [n_ctx_train][d_model] learned, added to the embedding; or none */
    const float *token_types; /* [n_token_types][d_model], one is added too; or NULL */
    struct norm embed_norm;   /* of their sum */
    struct norm output_norm;
    /* The classifier of POOLING_RANK: [d_model][d_model], which may be none, and
     * [n_labels][d_model]
     */
    const float *pooler, *pooler_bias, *classifier, *classifier_bias;
    const float *output_bias;
    const float *alibi;                  /* [n_head] slopes, or NULL */
    const float *unread;                 /* as in struct layer */
    const float *rope_factors;           /* [n_rot / 2]: divides frequencies (Llama 3), or NULL */
    const float *rope_short, *rope_long; /* the same for contexts up to h.rope_n_ctx, and beyond */
    struct rope rope, rope_local;
    struct rope rope_extended; /* instead of rope in a context beyond h.rope_n_ctx; or none */
    struct layer *layers;      /* [n_layer] */
    uint32_t n_kv_slots[3];    /* layers without and with a window, and recurrent ones */
    uint64_t weight_bytes;
    /* engine/lora: how many there are, their bytes, the sums of ranks of a layer and the widest;
     * the last of the widths is the output's */
    uint32_t n_adapters, lora_width, *lora_widths; /* [n_layer + 1] */
    uint64_t lora_bytes;
    struct arena arena;
};

/* `rope`: NULL, or what the user states of the positions instead of the file. */
struct model *model_new(const struct gguf *g, const struct rope_options *rope,
                        struct err *e) MUST_USE;
/* ERR_UNSUPPORTED for a model that only embeds. */
bool model_can_generate(const struct model *m, struct err *e) MUST_USE;
void model_free(struct model *m);

#endif
