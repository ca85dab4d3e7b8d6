/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/olmoe: OLMoE (Muennighoff et al. 2024).
 *
 *   x += attention(norm(x))      q and k normalised over all heads at once; rotary positions over
 *                                halves
 *   x += experts(norm(x))        SwiGLU experts in every layer; the chosen ones' weights are not
 *                                made to sum to 1 */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_QKV_BIAS(OPTIONAL),
    LAYER_VEC(q_norm, "attn_q_norm.weight", DIM_Q, REQUIRED),
    LAYER_VEC(k_norm, "attn_k_norm.weight", DIM_K, REQUIRED),
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_EXPERTS(DIM_FF, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_TIED,
    TENSORS_OUTPUT(REQUIRED),
    {0},
};

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    (void)g;
    h->expert_norm = false;
    if (h->n_expert == 0)
        return fail(e, ERR_CORRUPT, "the model has no %s.expert_count", h->arch->name);
    return true;
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_experts(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_olmoe = {
    .name = "olmoe",
    .rope_neox = true,
    .qk_norm = QK_NORM_WHOLE,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
