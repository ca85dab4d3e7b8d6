/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/command_r: Command R and R+, Aya 23 and Expanse (Cohere 2024).
 *
 *   x += attention(h) + ffn(h), h = layer norm(x) without bias
 *                                in R+ every q and k head has a layer norm of its own; rotary
 *                                positions over neighbouring pairs; SwiGLU
 *   logits are multiplied by logit_scale; the output matrix is the embedding */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,     TENSORS_ATTENTION_BIAS,
    TENSORS_QK_NORM_OWN,   LAYER_VEC(ffn_norm.weight, "attn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(REQUIRED), {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_TIED,
    {0},
};

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    float scale = 0;
    if (!hparams_f32(g, h, "logit_scale", &scale, e))
        return false;
    h->logit_scale = scale != 0 ? scale : 1;
    return true;
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->o, false);
    block_ffn(t, l, GATE_SILU, a->x, a->o, true);
    block_add_scaled(t, a->o, 1.0f, a->x);
}

const struct arch arch_command_r = {
    .name = "command-r",
    .rope_neox = false,
    .layer_norm = true,
    .qk_norm = QK_NORM_OWN,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
