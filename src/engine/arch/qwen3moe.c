/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/qwen3moe: Qwen3 with a mixture of experts in every layer (Yang et al. 2025).
 *
 *   x += attention(norm(x))      every q and k head normalised; rotary positions over halves
 *   x += experts(norm(x))        SwiGLU experts, weights renormalised over the chosen */
#include "engine/arch.h"
#include "engine/blocks.h"

#include "base/limits.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_QK_NORM,
    LAYER_VEC(ffn_norm, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_EXPERTS(DIM_FF_EXPERT, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
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
    block_experts(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_qwen3moe = {
    .name = "qwen3moe",
    .rope_neox = true,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
