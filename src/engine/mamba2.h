/* SPDX-License-Identifier: Apache-2.0 */
/* engine/mamba2: the state space layer of Mamba-2 (Dao & Gu 2024), see recurrent.h. */
#ifndef MOAT_ENGINE_MAMBA2_H
#define MOAT_ENGINE_MAMBA2_H

#include "engine/recurrent.h"

/* What all tokens of the batch make of norm(x), gated and normalised: left in act.spare, so that
 * something else may take place before block_mamba2_out. */
void block_mamba2_scan(struct task *t, const struct layer *l, const float *x);
/* y (+)= out of it, for the rows that t->n_tok counts. */
void block_mamba2_out(struct task *t, const struct layer *l, float *y, bool add);
/* Between the two: as block_keep_wanted, or as block_keep_too where something else has been. */
void block_mamba2_keep_wanted(struct task *t, const struct layer *l);
void block_mamba2_keep_too(struct task *t);

/* The sizes; the caller says which layers these are. */
bool hparams_mamba2(struct hparams *h, const struct gguf *g, struct err *e) MUST_USE;

/* norm: of the gated result, group by group */
#define TENSORS_MAMBA2(conv_bias_need, norm)                                                       \
    LAYER_MAT(ssm_in, "ssm_in.weight", DIM_SSM_IN, DIM_MODEL, REQUIRED),                           \
        LAYER_COLUMNS(conv, "ssm_conv1d.weight", DIM_SSM_CONV, DIM_TAPS, REQUIRED),                \
        LAYER_VEC(conv_bias, "ssm_conv1d.bias", DIM_SSM_CONV, conv_bias_need),                     \
        LAYER_VEC(ssm_dt, "ssm_dt.bias", DIM_SSM_HEADS, REQUIRED),                                 \
        LAYER_VALUES(ssm_a, "ssm_a", DIM_SSM_HEADS, DIM_NONE, REQUIRED),                           \
        LAYER_VALUES(ssm_d, "ssm_d", DIM_SSM_HEADS, DIM_NONE, REQUIRED),                           \
        LAYER_VALUES(ssm_norm, "ssm_norm.weight", DIM_SSM_GROUPS, DIM_SSM_GROUP, norm),            \
        LAYER_MAT(ssm_out, "ssm_out.weight", DIM_MODEL, DIM_SSM_INNER, REQUIRED)

#endif
