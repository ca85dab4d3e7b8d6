/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/llama: Touvron et al. 2023 (Llama 1-3), and what kept its shape (Mistral, SmolLM2,
 * Yi); with experts: Mixtral, Jiang et al. 2024.
 *
 *   x += attention(norm(x))      rotary positions over neighbouring pairs
 *   x += ffn(norm(x))            SwiGLU, or the same as a mixture of experts */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    LAYER_VEC(attn_norm, "attn_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_MAT(wq, "attn_q.weight", DIM_Q, DIM_MODEL, REQUIRED),
    LAYER_MAT(wk, "attn_k.weight", DIM_K, DIM_MODEL, REQUIRED),
    LAYER_MAT(wv, "attn_v.weight", DIM_V, DIM_MODEL, REQUIRED),
    LAYER_MAT(wo, "attn_output.weight", DIM_MODEL, DIM_ATTN, REQUIRED),
    LAYER_VEC(bq, "attn_q.bias", DIM_Q, OPTIONAL),
    LAYER_VEC(bk, "attn_k.bias", DIM_K, OPTIONAL),
    LAYER_VEC(bv, "attn_v.bias", DIM_V, OPTIONAL),
    LAYER_VEC(bo, "attn_output.bias", DIM_MODEL, OPTIONAL),
    LAYER_VEC(ffn_norm, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_MAT(w_gate, "ffn_gate.weight", DIM_FF, DIM_MODEL, IF_DENSE),
    LAYER_MAT(w_up, "ffn_up.weight", DIM_FF, DIM_MODEL, IF_DENSE),
    LAYER_MAT(w_down, "ffn_down.weight", DIM_MODEL, DIM_FF, IF_DENSE),
    LAYER_VEC(b_gate, "ffn_gate.bias", DIM_FF, OPTIONAL_IF_DENSE),
    LAYER_VEC(b_up, "ffn_up.bias", DIM_FF, OPTIONAL_IF_DENSE),
    LAYER_VEC(b_down, "ffn_down.bias", DIM_MODEL, OPTIONAL_IF_DENSE),
    LAYER_MAT(w_router, "ffn_gate_inp.weight", DIM_EXPERT, DIM_MODEL, IF_EXPERTS),
    LAYER_EXPS(w_gate_exps, "ffn_gate_exps.weight", DIM_FF, DIM_MODEL, IF_EXPERTS),
    LAYER_EXPS(w_up_exps, "ffn_up_exps.weight", DIM_FF, DIM_MODEL, IF_EXPERTS),
    LAYER_EXPS(w_down_exps, "ffn_down_exps.weight", DIM_MODEL, DIM_FF, IF_EXPERTS),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    MODEL_MAT(embed, "token_embd.weight", DIM_VOCAB, DIM_MODEL, REQUIRED),
    MODEL_VEC(output_norm, "output_norm.weight", DIM_MODEL, REQUIRED),
    MODEL_MAT(output, "output.weight", DIM_VOCAB, DIM_MODEL, OPTIONAL),
    MODEL_VEC(output_bias, "output.bias", DIM_VOCAB, OPTIONAL),
    MODEL_VEC(rope_factors, "rope_freqs.weight", DIM_ROT2, OPTIONAL),
    {0},
};

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    if (t->f->m->h.n_expert)
        block_experts(t, l, a->x, a->x, true);
    else
        block_ffn(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_llama = {
    .name = "llama",
    .rope_neox = false,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
