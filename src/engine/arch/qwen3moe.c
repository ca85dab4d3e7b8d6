/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/qwen3moe: Qwen3 with a mixture of experts in every layer (Yang et al. 2025).
 *
 *   x += attention(norm(x))      every q and k head normalised; rotary positions over halves
 *   x += experts(norm(x))        SwiGLU experts, weights renormalised over the chosen */
#include "engine/arch.h"
#include "engine/blocks.h"

#include "base/limits.h"

static const struct tensor_spec layer_tensors[] = {
    LAYER_VEC(attn_norm, "attn_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_MAT(wq, "attn_q.weight", DIM_Q, DIM_MODEL, REQUIRED),
    LAYER_MAT(wk, "attn_k.weight", DIM_K, DIM_MODEL, REQUIRED),
    LAYER_MAT(wv, "attn_v.weight", DIM_V, DIM_MODEL, REQUIRED),
    LAYER_MAT(wo, "attn_output.weight", DIM_MODEL, DIM_ATTN, REQUIRED),
    LAYER_VEC(q_norm, "attn_q_norm.weight", DIM_HEAD, REQUIRED),
    LAYER_VEC(k_norm, "attn_k_norm.weight", DIM_HEAD, REQUIRED),
    LAYER_VEC(ffn_norm, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_MAT(w_router, "ffn_gate_inp.weight", DIM_EXPERT, DIM_MODEL, REQUIRED),
    LAYER_EXPS(w_gate_exps, "ffn_gate_exps.weight", DIM_FF_EXPERT, DIM_MODEL, REQUIRED),
    LAYER_EXPS(w_up_exps, "ffn_up_exps.weight", DIM_FF_EXPERT, DIM_MODEL, REQUIRED),
    LAYER_EXPS(w_down_exps, "ffn_down_exps.weight", DIM_MODEL, DIM_FF_EXPERT, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    MODEL_MAT(embed, "token_embd.weight", DIM_VOCAB, DIM_MODEL, REQUIRED),
    MODEL_VEC(output_norm, "output_norm.weight", DIM_MODEL, REQUIRED),
    MODEL_MAT(output, "output.weight", DIM_VOCAB, DIM_MODEL, OPTIONAL),
    {0},
};

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (h->n_expert == 0)
        return fail(e, ERR_CORRUPT, "the model has no %s", "qwen3moe.expert_count");
    h->d_ff_expert = h->d_ff / h->n_expert_used;
    return hparams_u32(g, h, "expert_feed_forward_length", 1, LIMIT_WIDTH, &h->d_ff_expert, e);
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_experts(t, l, a->x, a->x, true);
}

const struct arch arch_qwen3moe = {
    .name = "qwen3moe",
    .rope_neox = true,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
