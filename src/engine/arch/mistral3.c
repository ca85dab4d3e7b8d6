/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/mistral3: Mistral Small 3.1 and later, Ministral 3 (Mistral AI 2025).
 *
 *   x += attention(norm(x))      rotary positions over neighbouring pairs, YaRN; queries grow with
 *                                the logarithm of how often the position exceeds the first context
 *   x += ffn(norm(x))            SwiGLU, or the same as a mixture of experts */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_ATTENTION_BIAS,
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(IF_DENSE),
    TENSORS_FFN_BIAS,
    TENSORS_EXPERTS(DIM_FF, IF_EXPERTS),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    TENSORS_ROPE_FACTORS,
    {0},
};

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    h->attn_temp_length = h->rope_n_ctx;
    return hparams_f32(g, h, "attention.temperature_scale", &h->attn_temp_scale, e) &&
           hparams_f32(g, h, "rope.scaling.yarn_log_multiplier", &h->yarn_log_mul, e);
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn_or_experts(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_mistral3 = {
    .name = "mistral3",
    .rope_neox = false,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
