/* SPDX-License-Identifier: Apache-2.0 */
/* engine/tensor_runs: what most architectures share of their tables of tensors, as runs of rows. */
#ifndef MOAT_ENGINE_TENSOR_RUNS_H
#define MOAT_ENGINE_TENSOR_RUNS_H

#include "engine/tensors.h"

#define PART_QKV(field, name, rows, first)                                                         \
    LAYER_MAT_OR(field, name, rows, DIM_MODEL, REQUIRED, "attn_qkv.weight", DIM_QKV, first)
#define TENSORS_QKV                                                                                \
    PART_QKV(wq, "attn_q.weight", DIM_Q, DIM_NONE), PART_QKV(wk, "attn_k.weight", DIM_K, DIM_Q),   \
        PART_QKV(wv, "attn_v.weight", DIM_V, DIM_QK),                                              \
        LAYER_MAT(wo, "attn_output.weight", DIM_MODEL, DIM_ATTN, REQUIRED)
#define PART_QKV_BIAS(field, name, n, first, need)                                                 \
    LAYER_VEC_OR(field, name, n, need, "attn_qkv.bias", DIM_QKV, first)
#define TENSORS_QKV_BIAS(need)                                                                     \
    PART_QKV_BIAS(bq, "attn_q.bias", DIM_Q, DIM_NONE, need),                                       \
        PART_QKV_BIAS(bk, "attn_k.bias", DIM_K, DIM_Q, need),                                      \
        PART_QKV_BIAS(bv, "attn_v.bias", DIM_V, DIM_QK, need)
#define TENSORS_ATTENTION                                                                          \
    LAYER_VEC(attn_norm.weight, "attn_norm.weight", DIM_MODEL, REQUIRED), TENSORS_QKV
#define TENSORS_ATTENTION_BIAS                                                                     \
    TENSORS_QKV_BIAS(OPTIONAL), LAYER_VEC(bo, "attn_output.bias", DIM_MODEL, OPTIONAL)
#define TENSORS_QK_NORM                                                                            \
    LAYER_VEC(q_norm, "attn_q_norm.weight", DIM_HEAD, REQUIRED),                                   \
        LAYER_VEC(k_norm, "attn_k_norm.weight", DIM_HEAD, REQUIRED)
/* of each head by itself, in some models of a family */
#define TENSORS_QK_NORM_OWN                                                                        \
    LAYER_VALUES(q_norm, "attn_q_norm.weight", DIM_HEADS, DIM_HEAD, OPTIONAL),                     \
        LAYER_VALUES(k_norm, "attn_k_norm.weight", DIM_HEADS_KV, DIM_HEAD, OPTIONAL)
#define TENSORS_FFN(need)                                                                          \
    LAYER_MAT(w_gate, "ffn_gate.weight", DIM_FF, DIM_MODEL, need),                                 \
        LAYER_MAT(w_up, "ffn_up.weight", DIM_FF, DIM_MODEL, need),                                 \
        LAYER_MAT(w_down, "ffn_down.weight", DIM_MODEL, DIM_FF, need)
#define TENSORS_FFN_BIAS                                                                           \
    LAYER_VEC(b_gate, "ffn_gate.bias", DIM_FF, OPTIONAL_IF_DENSE),                                 \
        LAYER_VEC(b_up, "ffn_up.bias", DIM_FF, OPTIONAL_IF_DENSE),                                 \
        LAYER_VEC(b_down, "ffn_down.bias", DIM_MODEL, OPTIONAL_IF_DENSE)
/* gate and up are the halves of ffn_up */
#define PART_FFN(field, first)                                                                     \
    LAYER_MAT_OR(field, "ffn_up.weight", DIM_FF, DIM_MODEL, REQUIRED, "ffn_up.weight", DIM_FF2,    \
                 first)
#define TENSORS_FFN_FUSED                                                                          \
    PART_FFN(w_gate, DIM_NONE), PART_FFN(w_up, DIM_FF),                                            \
        LAYER_MAT(w_down, "ffn_down.weight", DIM_MODEL, DIM_FF, REQUIRED)
#define TENSORS_FFN_UNGATED(biases)                                                                \
    LAYER_MAT(w_up, "ffn_up.weight", DIM_FF, DIM_MODEL, REQUIRED),                                 \
        LAYER_MAT(w_down, "ffn_down.weight", DIM_MODEL, DIM_FF, REQUIRED),                         \
        LAYER_VEC(b_up, "ffn_up.bias", DIM_FF, biases),                                            \
        LAYER_VEC(b_down, "ffn_down.bias", DIM_MODEL, biases)
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
#define PART_SHARED(field, name, rows, cols)                                                       \
    LAYER_MAT(field, name, rows, cols, IF_EXPERTS | IF_SIZED)
#define TENSORS_SHARED_EXPERT                                                                      \
    PART_SHARED(w_gate_shared, "ffn_gate_shexp.weight", DIM_FF_SHARED, DIM_MODEL),                 \
        PART_SHARED(w_up_shared, "ffn_up_shexp.weight", DIM_FF_SHARED, DIM_MODEL),                 \
        PART_SHARED(w_down_shared, "ffn_down_shexp.weight", DIM_MODEL, DIM_FF_SHARED)
#define TENSORS_TIED                                                                               \
    MODEL_MAT(embed, "token_embd.weight", DIM_VOCAB, DIM_MODEL, REQUIRED),                         \
        MODEL_VEC(output_norm.weight, "output_norm.weight", DIM_MODEL, REQUIRED)
#define TENSORS_OUTPUT(need) MODEL_MAT(output, "output.weight", DIM_VOCAB, DIM_MODEL, need)
#define TENSORS_MODEL        TENSORS_TIED, TENSORS_OUTPUT(OPTIONAL)
/* Llama 3's factors, or those of LongRoPE for short and long contexts. */
#define TENSORS_ROPE_FACTORS                                                                       \
    MODEL_VEC(rope_factors, "rope_freqs.weight", DIM_ROT2, OPTIONAL),                              \
        MODEL_VEC(rope_short, "rope_factors_short.weight", DIM_ROT2, OPTIONAL),                    \
        MODEL_VEC(rope_long, "rope_factors_long.weight", DIM_ROT2, OPTIONAL)

#endif
