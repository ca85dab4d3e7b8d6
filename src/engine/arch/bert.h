/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/bert: what the encoders of the BERT family share. */
#ifndef MOAT_ENGINE_ARCH_BERT_H
#define MOAT_ENGINE_ARCH_BERT_H

#include "engine/arch.h"

/* A normalised sum after each block, and no norm before. */
#define BERT_LAYER_TENSORS                                                                         \
    TENSORS_QKV, TENSORS_QKV_BIAS(OPTIONAL),                                                       \
        LAYER_VEC(bo, "attn_output.bias", DIM_MODEL, OPTIONAL),                                    \
        LAYER_VEC(attn_post_norm.weight, "attn_output_norm.weight", DIM_MODEL, REQUIRED),          \
        LAYER_VEC(attn_post_norm.bias, "attn_output_norm.bias", DIM_MODEL, REQUIRED),              \
        LAYER_VEC(ffn_post_norm.weight, "layer_output_norm.weight", DIM_MODEL, REQUIRED),          \
        LAYER_VEC(ffn_post_norm.bias, "layer_output_norm.bias", DIM_MODEL, REQUIRED)

#define BERT_MODEL_TENSORS                                                                         \
    MODEL_MAT(embed, "token_embd.weight", DIM_VOCAB, DIM_MODEL, REQUIRED),                         \
        MODEL_VALUES(token_types, "token_types.weight", DIM_TYPES, DIM_MODEL,                      \
                     OPTIONAL | IF_SIZED),                                                         \
        MODEL_VEC(embed_norm.weight, "token_embd_norm.weight", DIM_MODEL, REQUIRED),               \
        MODEL_VEC(embed_norm.bias, "token_embd_norm.bias", DIM_MODEL, REQUIRED),                   \
        MODEL_VALUES(pooler, "cls.weight", DIM_MODEL, DIM_MODEL, OPTIONAL),                        \
        MODEL_VEC(pooler_bias, "cls.bias", DIM_MODEL, OPTIONAL),                                   \
        MODEL_VALUES(classifier, "cls.output.weight", DIM_LABELS, DIM_MODEL, OPTIONAL),            \
        MODEL_VEC(classifier_bias, "cls.output.bias", DIM_LABELS, OPTIONAL)

#endif
