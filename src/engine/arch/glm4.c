/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/glm4: GLM-4-0414 and GLM-4.1V's text side (Zhipu AI 2025).
 *
 *   x += norm(attention(norm(x)))   rotary positions over part of a head: neighbouring pairs, or
 *                                   halves where the file names the axes of images
 *   x += norm(ffn(norm(x)))         SwiGLU, gate and up in one matrix */
#include <string.h>

#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_QKV_BIAS(OPTIONAL),
    LAYER_VEC(attn_post_norm.weight, "post_attention_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN_FUSED,
    LAYER_VEC(ffn_post_norm.weight, "post_ffw_norm.weight", DIM_MODEL, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    {0},
};

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (!hparams_sections(h, g, e))
        return false;
    h->rope_neox = h->rope_sections[0] > 0 && h->rope_sections[1] > 0;
    if (!h->rope_neox)
        memset(h->rope_sections, 0, sizeof h->rope_sections);
    return true;
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->o, false);
    block_add_normed(t, a->o, l->attn_post_norm, a->x);
    block_ffn(t, l, GATE_SILU, a->x, a->o, false);
    block_add_normed(t, a->o, l->ffn_post_norm, a->x);
}

const struct arch arch_glm4 = {
    .name = "glm4",
    .rope_neox = false,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
