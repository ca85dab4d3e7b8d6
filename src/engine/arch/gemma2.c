/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/gemma2: Gemma 2 (Gemma Team 2024).
 *
 *   x  = sqrt(d_model) * embedding
 *   x += norm(attention(norm(x)))   every second layer sees a window only; scores are capped
 *   x += norm(ffn(norm(x)))         GELU-gated
 *   logits are capped; the output matrix is the embedding */
#include <math.h>

#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_QKV_BIAS(OPTIONAL),
    LAYER_VEC(attn_post_norm.weight, "post_attention_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(REQUIRED),
    LAYER_VEC(ffn_post_norm.weight, "post_ffw_norm.weight", DIM_MODEL, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_TIED,
    {0},
};

#define DEFAULT_PATTERN   2
#define DEFAULT_WINDOW    4096
#define DEFAULT_ATTN_CAP  50
#define DEFAULT_LOGIT_CAP 30

/* The 27B scales its queries by the width per head, not by the head's own size. */
static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    bool is_27b = h->n_layer == 46;
    h->attn_scale = 1.0f / sqrtf((float)(is_27b ? h->d_model / h->n_head : h->d_head));
    h->rope_local_scaled = true;
    if (!gguf_find(g, "gemma2.rope.freq_base_swa"))
        h->rope_base_local = h->rope_base;
    if (!gguf_find(g, "gemma2.attention.sliding_window"))
        h->window = DEFAULT_WINDOW;
    if (!gguf_find(g, "gemma2.attn_logit_softcapping"))
        h->attn_softcap = DEFAULT_ATTN_CAP;
    if (!gguf_find(g, "gemma2.final_logit_softcapping"))
        h->logit_softcap = DEFAULT_LOGIT_CAP;
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

const struct arch arch_gemma2 = {
    .name = "gemma2",
    .rope_neox = true,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = arch_init_windowed,
    .embed_scale = arch_embed_scale,
    .layer = layer,
};
