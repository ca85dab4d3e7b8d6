/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/exaone4: EXAONE 4.0 (LG AI Research 2025).
 *
 *   x += norm(attention(x))      every q and k head normalised; rotary positions over halves. In
 * the 32B three layers of four see a window, the fourth has no positions x += norm(ffn(x)) SwiGLU
 */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_QKV,
    TENSORS_QKV_BIAS(OPTIONAL),
    TENSORS_QK_NORM,
    LAYER_VEC(attn_post_norm.weight, "post_attention_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(REQUIRED),
    LAYER_VEC(ffn_post_norm.weight, "post_ffw_norm.weight", DIM_MODEL, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    MODEL_VEC(rope_factors, "rope_freqs.weight", DIM_ROT2, OPTIONAL),
    {0},
};

#define HYBRID_LAYERS   64 /* of the 32B; the smaller one's files may name a window it lacks */
#define DEFAULT_PATTERN 4
#define DEFAULT_WINDOW  4096

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (h->n_layer != HYBRID_LAYERS)
        h->window = 0;
    else if (!gguf_find(g, "exaone4.attention.sliding_window"))
        h->window = DEFAULT_WINDOW;
    return hparams_window_pattern(h, g, DEFAULT_PATTERN, e);
}

static void init_layer(const struct model *m, struct layer *l)
{
    bool local = m->h.windowed[l->index];
    l->window = local ? m->h.window : 0;
    l->rope = local || !m->h.window ? &m->rope : NULL;
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->o, false);
    block_add_normed(t, a->o, l->attn_post_norm, a->x);
    block_ffn(t, l, GATE_SILU, a->x, a->o, false);
    block_add_normed(t, a->o, l->ffn_post_norm, a->x);
}

const struct arch arch_exaone4 = {
    .name = "exaone4",
    .rope_neox = true,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = init_layer,
    .layer = layer,
};
