/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/gemma3: Gemma 3 (Gemma Team 2025).
 *
 *   x  = sqrt(d_model) * embedding
 *   x += norm(attention(norm(x)))   q and k heads normalised; most layers see a window only, with
 *                                   their own rotary base
 *   x += norm(ffn(norm(x)))         GELU-gated */
#include <math.h>

#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_QKV_BIAS(OPTIONAL),
    TENSORS_QK_NORM,
    LAYER_VEC(attn_post_norm.weight, "post_attention_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(REQUIRED),
    LAYER_VEC(ffn_post_norm.weight, "post_ffw_norm.weight", DIM_MODEL, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    {0},
};

#define DEFAULT_PATTERN 6 /* every sixth layer sees the whole context */

/* The 27B scales its queries by the width per head, not by the head's own size. */
static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (h->n_layer == 62 && !gguf_find(g, "gemma3.attention.scale"))
        h->attn_scale = 1.0f / sqrtf((float)(h->d_model / h->n_head));
    return hparams_window_pattern(h, g, DEFAULT_PATTERN, e);
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->o, false);
    block_add_normed(t, a->o, l->attn_post_norm, a->x);
    block_ffn(t, l, GATE_GELU, a->x, a->o, false);
    block_add_normed(t, a->o, l->ffn_post_norm, a->x);
}

const struct arch arch_gemma3 = {
    .name = "gemma3",
    .rope_neox = true,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = arch_init_windowed,
    .embed_scale = arch_embed_scale,
    .layer = layer,
};
