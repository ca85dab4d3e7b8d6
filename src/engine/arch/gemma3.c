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
    LAYER_VEC(attn_norm, "attn_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_MAT(wq, "attn_q.weight", DIM_Q, DIM_MODEL, REQUIRED),
    LAYER_MAT(wk, "attn_k.weight", DIM_K, DIM_MODEL, REQUIRED),
    LAYER_MAT(wv, "attn_v.weight", DIM_V, DIM_MODEL, REQUIRED),
    LAYER_MAT(wo, "attn_output.weight", DIM_MODEL, DIM_ATTN, REQUIRED),
    LAYER_VEC(q_norm, "attn_q_norm.weight", DIM_HEAD, REQUIRED),
    LAYER_VEC(k_norm, "attn_k_norm.weight", DIM_HEAD, REQUIRED),
    LAYER_VEC(attn_post_norm, "post_attention_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_VEC(ffn_norm, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_MAT(w_gate, "ffn_gate.weight", DIM_FF, DIM_MODEL, REQUIRED),
    LAYER_MAT(w_up, "ffn_up.weight", DIM_FF, DIM_MODEL, REQUIRED),
    LAYER_MAT(w_down, "ffn_down.weight", DIM_MODEL, DIM_FF, REQUIRED),
    LAYER_VEC(ffn_post_norm, "post_ffw_norm.weight", DIM_MODEL, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    MODEL_MAT(embed, "token_embd.weight", DIM_VOCAB, DIM_MODEL, REQUIRED),
    MODEL_VEC(output_norm, "output_norm.weight", DIM_MODEL, REQUIRED),
    MODEL_MAT(output, "output.weight", DIM_VOCAB, DIM_MODEL, OPTIONAL),
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

static void init_layer(const struct model *m, struct layer *l)
{
    bool local = m->h.windowed[l->index];
    l->window = local ? m->h.window : 0;
    l->rope = local ? &m->rope_local : &m->rope;
}

static float embed_scale(const struct hparams *h)
{
    return sqrtf((float)h->d_model);
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
    .init_layer = init_layer,
    .embed_scale = embed_scale,
    .layer = layer,
};
