/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/olmo2: OLMo 2 and OLMo 3 (Walsh et al. 2025).
 *
 *   x += norm(attention(x))      q and k normalised over all heads at once; rotary positions over
 *                                halves; in OLMo 3 most layers see a window, with unscaled
 * positions x += norm(ffn(x))            SwiGLU */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_QKV,
    TENSORS_QKV_BIAS(OPTIONAL),
    LAYER_VEC(q_norm, "attn_q_norm.weight", DIM_Q, REQUIRED),
    LAYER_VEC(k_norm, "attn_k_norm.weight", DIM_K, REQUIRED),
    LAYER_VEC(attn_post_norm.weight, "post_attention_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(REQUIRED),
    LAYER_VEC(ffn_post_norm.weight, "post_ffw_norm.weight", DIM_MODEL, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_TIED,
    TENSORS_OUTPUT(REQUIRED),
    {0},
};

#define DEFAULT_PATTERN 4 /* every fourth layer sees the whole context */

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    h->rope_base_local = h->rope_base;
    return hparams_window_pattern(h, g, DEFAULT_PATTERN, e);
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->o, false);
    block_add_normed(t, a->o, l->attn_post_norm, a->x);
    block_ffn(t, l, GATE_SILU, a->x, a->o, false);
    block_add_normed(t, a->o, l->ffn_post_norm, a->x);
}

const struct arch arch_olmo2 = {
    .name = "olmo2",
    .rope_neox = true,
    .qk_norm = QK_NORM_WHOLE,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = arch_init_windowed,
    .layer = layer,
};
