/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/qwen3next: Qwen3-Next (Qwen Team 2025).
 *
 *   x += attention(norm(x))      in every fourth layer: gated, q and k heads normalised
 *   x += delta rule(norm(x))     in the others
 *   x += experts(norm(x))        SwiGLU experts and a shared one with a gate */
#include "base/limits.h"
#include "engine/arch.h"
#include "engine/recurrent.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_GATED_ATTENTION,
    TENSORS_DELTA_NET(OPTIONAL),
    LAYER_MAT(delta_mixed, "ssm_in.weight", DIM_DELTA_MIXED, DIM_MODEL, OPTIONAL | IF_RECURRENT),
    LAYER_MAT(delta_ba, "ssm_ba.weight", DIM_DELTA_HEADS2, DIM_MODEL, IF_RECURRENT),
    LAYER_VEC(ffn_norm.weight, "post_attention_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_EXPERTS_FUSED(DIM_FF_EXPERT),
    TENSORS_SHARED_EXPERT,
    LAYER_VEC(shared_gate, "ffn_gate_inp_shexp.weight", DIM_MODEL, IF_EXPERTS),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    {0},
};

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (h->n_expert == 0)
        return fail(e, ERR_CORRUPT, "the model has no %s", "qwen3next.expert_count");
    return hparams_delta(h, g, e) && hparams_gated_experts(h, g, e);
}

static bool check_layer(const struct layer *l, struct err *e)
{
    if (!l->recurrent || (l->delta_qkv.data && l->delta_z.data) ||
        (!l->delta_qkv.data && !l->delta_z.data && l->delta_mixed.data))
        return true;
    return fail(e, ERR_CORRUPT,
                "layer %u of the model has neither attn_qkv with attn_gate nor ssm_in", l->index);
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    if (l->recurrent)
        block_delta_net(t, l, true, a->x, a->x, true);
    else
        block_gated_attention(t, l, a->x, a->x, true);
    block_experts(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_qwen3next = {
    .name = "qwen3next",
    .rope_neox = true,
    .recurrent = true,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .check_layer = check_layer,
    .layer = layer,
};
