/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/qwen3: Qwen3 (Yang et al. 2025).
 *
 *   x += attention(norm(x))      every q and k head normalised; rotary positions over halves
 *   x += ffn(norm(x))            SwiGLU */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    LAYER_VEC(attn_norm, "attn_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_MAT(wq, "attn_q.weight", DIM_Q, DIM_MODEL, REQUIRED),
    LAYER_MAT(wk, "attn_k.weight", DIM_K, DIM_MODEL, REQUIRED),
    LAYER_MAT(wv, "attn_v.weight", DIM_V, DIM_MODEL, REQUIRED),
    LAYER_MAT(wo, "attn_output.weight", DIM_MODEL, DIM_ATTN, REQUIRED),
    LAYER_VEC(q_norm, "attn_q_norm.weight", DIM_HEAD, REQUIRED),
    LAYER_VEC(k_norm, "attn_k_norm.weight", DIM_HEAD, REQUIRED),
    LAYER_VEC(ffn_norm, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_MAT(w_gate, "ffn_gate.weight", DIM_FF, DIM_MODEL, REQUIRED),
    LAYER_MAT(w_up, "ffn_up.weight", DIM_FF, DIM_MODEL, REQUIRED),
    LAYER_MAT(w_down, "ffn_down.weight", DIM_MODEL, DIM_FF, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    MODEL_MAT(embed, "token_embd.weight", DIM_VOCAB, DIM_MODEL, REQUIRED),
    MODEL_VEC(output_norm, "output_norm.weight", DIM_MODEL, REQUIRED),
    MODEL_MAT(output, "output.weight", DIM_VOCAB, DIM_MODEL, OPTIONAL),
    {0},
};

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_qwen3 = {
    .name = "qwen3",
    .rope_neox = true,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
