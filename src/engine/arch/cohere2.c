/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/cohere2: Command R7B and Command A (Cohere 2024).
 *
 *   x += attention(h) + ffn(h), h = layer norm(x)
 *                                three layers of four see a window and have rotary positions over
 *                                neighbouring pairs, the fourth sees everything and has none;
 * SwiGLU logits are multiplied by logit_scale; the output matrix is the embedding */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_ATTENTION_BIAS,
    LAYER_VEC(ffn_norm.weight, "attn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_TIED,
    {0},
};

#define DEFAULT_PATTERN 4

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    float scale = 0;
    if (!hparams_required(g, h, "attention.sliding_window", e) ||
        !hparams_required(g, h, "logit_scale", e) || !hparams_f32(g, h, "logit_scale", &scale, e))
        return false;
    if (h->window == 0)
        return fail(e, ERR_CORRUPT, "%s.attention.sliding_window is 0", h->arch->name);
    h->logit_scale = scale != 0 ? scale : 1;
    return hparams_window_pattern(h, g, DEFAULT_PATTERN, e);
}

static void init_layer(const struct model *m, struct layer *l)
{
    bool local = m->h.windowed[l->index];
    l->window = local ? m->h.window : 0;
    l->rope = local ? &m->rope : NULL;
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->o, false);
    block_ffn(t, l, GATE_SILU, a->x, a->o, true);
    block_add_scaled(t, a->o, 1.0f, a->x);
}

const struct arch arch_cohere2 = {
    .name = "cohere2",
    .rope_neox = false,
    .layer_norm = true,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = init_layer,
    .layer = layer,
};
