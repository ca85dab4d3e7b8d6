/* SPDX-License-Identifier: Apache-2.0 */
/* engine/tensors: the words of an architecture's tables of tensors: what each is called in the
 * file, where it goes in struct layer or struct model, its shape by the names of its sizes, and
 * whether it must be there. engine/model binds by them, engine/packed_plan packs by them. */
#ifndef MOAT_ENGINE_TENSORS_H
#define MOAT_ENGINE_TENSORS_H

#include <stddef.h>

#include "engine/model.h"

/* A dimension of a tensor, by name: resolved from the hyper-parameters. */
enum dim {
    DIM_NONE, /* not a matrix: the tensor is a vector of `cols` */
    DIM_MODEL,
    DIM_VOCAB,
    DIM_CONTEXT,
    DIM_FF,
    DIM_FF2, /* gate and up together */
    DIM_FF_EXPERT,
    DIM_FF_EXPERT2, /* gate and up of an expert together */
    DIM_FF_SHARED,
    DIM_EXPERT,
    DIM_HEAD,
    DIM_HEADS,  /* n_head */
    DIM_Q,      /* n_head * d_head */
    DIM_K,      /* n_head_kv * d_head */
    DIM_V,      /* n_head_kv * d_head_v */
    DIM_QK,     /* q and k together */
    DIM_QKV,    /* q, k and v together */
    DIM_ATTN,   /* n_head * d_head_v: what wo takes */
    DIM_ROT2,   /* n_rot / 2 */
    DIM_MODEL3, /* 3 * d_model */
    DIM_TAPS,   /* conv_taps */
    DIM_TYPES,  /* n_token_types */
    DIM_LABELS, /* n_labels */
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
    /* The delta rule, engine/deltanet. */
    DIM_Q2,           /* queries and their gates */
    DIM_Q2K,          /* with keys */
    DIM_Q2KV,         /* and values */
    DIM_DELTA_HEAD,   /* d_delta */
    DIM_DELTA_HEADS,  /* n_delta_v */
    DIM_DELTA_HEADS2, /* beta and alpha of them */
    DIM_DELTA_VALUES, /* n_delta_v * d_delta */
    DIM_DELTA_QKV,    /* q, k and v of all heads */
    DIM_DELTA_MIXED,  /* and z */
    DIM_HEADS_KV,     /* n_head_kv */
    /* Mamba-2, engine/mamba2. */
    DIM_SSM_HEADS,
    DIM_SSM_GROUPS,
    DIM_SSM_GROUP, /* values of one of them */
    DIM_SSM_INNER,
    DIM_SSM_CONV, /* what is convolved: x, B and C */
    DIM_SSM_IN,   /* with z and dt */
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
    TENSOR_COLUMNS, /* converted to F32 and transposed: [cols][rows] */
    TENSOR_VALUES,  /* converted to F32: [rows][cols], or [cols] with DIM_NONE */
};

struct tensor_spec {
    const char *name; /* after "blk.N." for layers */
    size_t offset;    /* of the struct mat or const float * in struct layer or struct model */
    enum dim rows, cols;
    enum tensor_kind kind;
    unsigned need; /* enum tensor_need */
    /* Where the file may hold it as rows (or values) of a larger tensor: that one's name, its rows,
     * and those before. The larger one is taken where there is one. */
    const char *fused;
    enum dim whole, first;
};

static inline bool tensor_is_values(const struct tensor_spec *s)
{
    return s->kind == TENSOR_VALUES || s->kind == TENSOR_COLUMNS;
}

#define TENSOR_OF(of, field, name, rows, cols, kind, need, fused, whole, first)                    \
    {                                                                                              \
        name, offsetof(struct of, field), rows, cols, kind, need, fused, whole, first              \
    }
#define TENSOR_WHOLE(of, field, name, rows, cols, kind, need)                                      \
    TENSOR_OF(of, field, name, rows, cols, kind, need, NULL, DIM_NONE, DIM_NONE)
#define LAYER_MAT(field, name, rows, cols, need)                                                   \
    TENSOR_WHOLE(layer, field, name, rows, cols, TENSOR_MAT, need)
#define LAYER_EXPS(field, name, rows, cols, need)                                                  \
    TENSOR_WHOLE(layer, field, name, rows, cols, TENSOR_EXPERTS, need)
#define LAYER_HEADS(field, name, rows, cols, need)                                                 \
    TENSOR_WHOLE(layer, field, name, rows, cols, TENSOR_HEADS, need)
#define LAYER_VALUES(field, name, rows, cols, need)                                                \
    TENSOR_WHOLE(layer, field, name, rows, cols, TENSOR_VALUES, need)
#define LAYER_COLUMNS(field, name, rows, cols, need)                                               \
    TENSOR_WHOLE(layer, field, name, rows, cols, TENSOR_COLUMNS, need)
#define LAYER_VEC(field, name, n, need) LAYER_VALUES(field, name, DIM_NONE, n, need)
#define LAYER_MAT_OR(field, name, rows, cols, need, fused, whole, first)                           \
    TENSOR_OF(layer, field, name, rows, cols, TENSOR_MAT, need, fused, whole, first)
#define LAYER_VEC_OR(field, name, n, need, fused, whole, first)                                    \
    TENSOR_OF(layer, field, name, DIM_NONE, n, TENSOR_VALUES, need, fused, whole, first)
#define MODEL_MAT(field, name, rows, cols, need)                                                   \
    TENSOR_WHOLE(model, field, name, rows, cols, TENSOR_MAT, need)
#define MODEL_VALUES(field, name, rows, cols, need)                                                \
    TENSOR_WHOLE(model, field, name, rows, cols, TENSOR_VALUES, need)
#define MODEL_VEC(field, name, n, need)                                                            \
    TENSOR_WHOLE(model, field, name, DIM_NONE, n, TENSOR_VALUES, need)

#endif
