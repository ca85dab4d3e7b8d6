/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch: one architecture = its table of tensors and its formula, in arch/<name>.c.
 *
 * To add one: a file, and a line in ARCH_TABLE. */
#ifndef MOAT_ENGINE_ARCH_H
#define MOAT_ENGINE_ARCH_H

#include "engine/model.h"

/* A dimension of a tensor, by name: resolved from the hyper-parameters. */
enum dim {
    DIM_NONE, /* not a matrix: the tensor is a vector of `cols` */
    DIM_MODEL,
    DIM_VOCAB,
    DIM_FF,
    DIM_FF_EXPERT,
    DIM_FF_EXPERT2, /* gate and up of an expert together */
    DIM_FF_SHARED,
    DIM_EXPERT,
    DIM_HEAD,
    DIM_HEADS,  /* n_head */
    DIM_Q,      /* n_head * d_head */
    DIM_K,      /* n_head_kv * d_head */
    DIM_V,      /* n_head_kv * d_head_v */
    DIM_ATTN,   /* n_head * d_head_v: what wo takes */
    DIM_ROT2,   /* n_rot / 2 */
    DIM_MODEL3, /* 3 * d_model */
    DIM_TAPS,   /* conv_taps */
    /* Latent attention, engine/mla. */
    DIM_Q_RANK,
    DIM_KV_RANK,
    DIM_KV_LATENT, /* kv_rank + n_rot */
    DIM_Q_MLA,     /* n_head * d_head_mla */
    DIM_Q_DIRECT,  /* the same where there is no q_rank */
    DIM_K_MLA,     /* d_head_mla - n_rot, where keys stay latent */
    DIM_V_MLA,     /* d_head_v_mla, where values stay latent */
    DIM_KV_HEADS,  /* keys and values of all heads, where they do not */
    DIM_ATTN_MLA,  /* n_head * d_head_v_mla */
};

/* Whether a tensor must be there, and in which layers it has a place at all: flags, together. */
enum tensor_need {
    REQUIRED = 0,
    OPTIONAL = 1,
    IF_DENSE = 2,
    IF_EXPERTS = 4,
    IF_SIZED = 8, /* none of its dimensions is zero: the model has what they measure */
    IF_ATTENTION = 16,
    IF_RECURRENT = 32,
    OPTIONAL_IF_DENSE = OPTIONAL | IF_DENSE,
    OPTIONAL_IF_EXPERTS = OPTIONAL | IF_EXPERTS,
};

enum tensor_kind {
    TENSOR_MAT,
    TENSOR_EXPERTS, /* a stack: [n_expert][rows][cols] */
    TENSOR_HEADS,   /* the same of n_head */
    TENSOR_VALUES,  /* converted to F32: [rows][cols], or [cols] with DIM_NONE */
};

struct tensor_spec {
    const char *name; /* after "blk.N." for layers */
    size_t offset;    /* of the struct mat or const float * in struct layer or struct model */
    enum dim rows, cols;
    enum tensor_kind kind;
    unsigned need; /* enum tensor_need */
};

#define LAYER_MAT(field, name, rows, cols, need)                                                   \
    {                                                                                              \
        name, offsetof(struct layer, field), rows, cols, TENSOR_MAT, need                          \
    }
#define LAYER_EXPS(field, name, rows, cols, need)                                                  \
    {                                                                                              \
        name, offsetof(struct layer, field), rows, cols, TENSOR_EXPERTS, need                      \
    }
#define LAYER_HEADS(field, name, rows, cols, need)                                                 \
    {                                                                                              \
        name, offsetof(struct layer, field), rows, cols, TENSOR_HEADS, need                        \
    }
#define LAYER_VEC(field, name, n, need)                                                            \
    {                                                                                              \
        name, offsetof(struct layer, field), DIM_NONE, n, TENSOR_VALUES, need                      \
    }
#define LAYER_VALUES(field, name, rows, cols, need)                                                \
    {                                                                                              \
        name, offsetof(struct layer, field), rows, cols, TENSOR_VALUES, need                       \
    }
#define MODEL_MAT(field, name, rows, cols, need)                                                   \
    {                                                                                              \
        name, offsetof(struct model, field), rows, cols, TENSOR_MAT, need                          \
    }
#define MODEL_VEC(field, name, n, need)                                                            \
    {                                                                                              \
        name, offsetof(struct model, field), DIM_NONE, n, TENSOR_VALUES, need                      \
    }

/* What most architectures share, as runs of rows for their tables. */
#define TENSORS_ATTENTION                                                                          \
    LAYER_VEC(attn_norm, "attn_norm.weight", DIM_MODEL, REQUIRED),                                 \
        LAYER_MAT(wq, "attn_q.weight", DIM_Q, DIM_MODEL, REQUIRED),                                \
        LAYER_MAT(wk, "attn_k.weight", DIM_K, DIM_MODEL, REQUIRED),                                \
        LAYER_MAT(wv, "attn_v.weight", DIM_V, DIM_MODEL, REQUIRED),                                \
        LAYER_MAT(wo, "attn_output.weight", DIM_MODEL, DIM_ATTN, REQUIRED)
#define TENSORS_ATTENTION_BIAS                                                                     \
    LAYER_VEC(bq, "attn_q.bias", DIM_Q, OPTIONAL), LAYER_VEC(bk, "attn_k.bias", DIM_K, OPTIONAL),  \
        LAYER_VEC(bv, "attn_v.bias", DIM_V, OPTIONAL),                                             \
        LAYER_VEC(bo, "attn_output.bias", DIM_MODEL, OPTIONAL)
#define TENSORS_QK_NORM                                                                            \
    LAYER_VEC(q_norm, "attn_q_norm.weight", DIM_HEAD, REQUIRED),                                   \
        LAYER_VEC(k_norm, "attn_k_norm.weight", DIM_HEAD, REQUIRED)
#define TENSORS_FFN(need)                                                                          \
    LAYER_MAT(w_gate, "ffn_gate.weight", DIM_FF, DIM_MODEL, need),                                 \
        LAYER_MAT(w_up, "ffn_up.weight", DIM_FF, DIM_MODEL, need),                                 \
        LAYER_MAT(w_down, "ffn_down.weight", DIM_MODEL, DIM_FF, need)
#define TENSORS_EXPERTS(ff, need)                                                                  \
    LAYER_MAT(w_router, "ffn_gate_inp.weight", DIM_EXPERT, DIM_MODEL, need),                       \
        LAYER_EXPS(w_gate_exps, "ffn_gate_exps.weight", ff, DIM_MODEL, need),                      \
        LAYER_EXPS(w_up_exps, "ffn_up_exps.weight", ff, DIM_MODEL, need),                          \
        LAYER_EXPS(w_down_exps, "ffn_down_exps.weight", DIM_MODEL, ff, need)
/* Gate and up apart, or in one stack. */
#define TENSORS_EXPERTS_FUSED(ff)                                                                  \
    LAYER_MAT(w_router, "ffn_gate_inp.weight", DIM_EXPERT, DIM_MODEL, IF_EXPERTS),                 \
        LAYER_EXPS(w_gate_exps, "ffn_gate_exps.weight", ff, DIM_MODEL, OPTIONAL_IF_EXPERTS),       \
        LAYER_EXPS(w_up_exps, "ffn_up_exps.weight", ff, DIM_MODEL, OPTIONAL_IF_EXPERTS),           \
        LAYER_EXPS(w_gate_up_exps, "ffn_gate_up_exps.weight", DIM_FF_EXPERT2, DIM_MODEL,           \
                   OPTIONAL_IF_EXPERTS),                                                           \
        LAYER_EXPS(w_down_exps, "ffn_down_exps.weight", DIM_MODEL, ff, IF_EXPERTS)
#define TENSORS_SHARED_EXPERT                                                                      \
    LAYER_MAT(w_gate_shared, "ffn_gate_shexp.weight", DIM_FF_SHARED, DIM_MODEL,                    \
              IF_EXPERTS | IF_SIZED),                                                              \
        LAYER_MAT(w_up_shared, "ffn_up_shexp.weight", DIM_FF_SHARED, DIM_MODEL,                    \
                  IF_EXPERTS | IF_SIZED),                                                          \
        LAYER_MAT(w_down_shared, "ffn_down_shexp.weight", DIM_MODEL, DIM_FF_SHARED,                \
                  IF_EXPERTS | IF_SIZED)
#define TENSORS_MODEL                                                                              \
    MODEL_MAT(embed, "token_embd.weight", DIM_VOCAB, DIM_MODEL, REQUIRED),                         \
        MODEL_VEC(output_norm, "output_norm.weight", DIM_MODEL, REQUIRED),                         \
        MODEL_MAT(output, "output.weight", DIM_VOCAB, DIM_MODEL, OPTIONAL)

struct task; /* one thread's view of a running forward pass, engine/forward.h */

struct arch {
    const char *name; /* general.architecture */
    bool rope_neox;
    bool recurrent; /* some layers are, engine/recurrent.h */
    /* Reads what only this architecture has, after the common keys; may be NULL. */
    bool (*read_hparams)(struct hparams *h, const struct gguf *g, struct err *e);
    const struct tensor_spec *layer_tensors, *model_tensors; /* ended by name == NULL */
    /* Sets window and rope of a layer where they differ from the common case; may be NULL. */
    void (*init_layer)(const struct model *m, struct layer *l);
    float (*embed_scale)(const struct hparams *h); /* NULL: 1 */
    void (*layer)(struct task *t, const struct layer *l);
};

#define ARCH_TABLE(X)                                                                              \
    X(llama) X(qwen2) X(qwen3) X(qwen3moe) X(gemma3) X(gpt_oss) X(deepseek2) X(lfm2) X(lfm2moe)

#define X(name) extern const struct arch arch_##name;
ARCH_TABLE(X)
#undef X

const struct arch *arch_find(struct str name); /* NULL: not supported */
void arch_names(char *out, size_t cap);        /* "llama, qwen2, ..." for messages */

#endif
