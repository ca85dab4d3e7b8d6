/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/qwen35: Qwen3.5 (Qwen Team 2026), dense and, as qwen35moe, with a mixture of experts;
 * its text only.
 *
 *   x += attention(norm(x))      in every fourth layer: gated, q and k heads normalised
 *   x += delta rule(norm(x))     in the others
 *   x += ffn(norm(x))            SwiGLU, or experts and a shared one with a gate */
#include "engine/arch.h"
#include "engine/recurrent.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_GATED_ATTENTION,
    TENSORS_DELTA_NET(REQUIRED),
    LAYER_MAT(delta_beta, "ssm_beta.weight", DIM_DELTA_HEADS, DIM_MODEL, IF_RECURRENT),
    LAYER_MAT(delta_alpha, "ssm_alpha.weight", DIM_DELTA_HEADS, DIM_MODEL, IF_RECURRENT),
    LAYER_VEC(ffn_norm.weight, "post_attention_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(IF_DENSE),
    TENSORS_EXPERTS_FUSED(DIM_FF_EXPERT),
    TENSORS_SHARED_EXPERT,
    LAYER_VEC(shared_gate, "ffn_gate_inp_shexp.weight", DIM_MODEL, IF_EXPERTS),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    {0},
};

static bool read_common(struct hparams *h, const struct gguf *g, struct err *e)
{
    h->rope_interleaved = true;
    return hparams_sections(h, g, e) && hparams_delta(h, g, e);
}

static bool read_dense(struct hparams *h, const struct gguf *g, struct err *e)
{
    h->n_expert = h->n_expert_used = 0;
    return read_common(h, g, e);
}

static bool read_moe(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (h->n_expert == 0)
        return fail(e, ERR_CORRUPT, "the model has no %s", "qwen35moe.expert_count");
    return read_common(h, g, e) && hparams_gated_experts(h, g, e);
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    if (l->recurrent)
        block_delta_net(t, l, false, a->x, a->x, true);
    else
        block_gated_attention(t, l, a->x, a->x, true);
    block_ffn_or_experts(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_qwen35 = {
    .name = "qwen35",
    .rope_neox = true,
    .recurrent = true,
    .read_hparams = read_dense,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};

const struct arch arch_qwen35moe = {
    .name = "qwen35moe",
    .rope_neox = true,
    .recurrent = true,
    .read_hparams = read_moe,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
