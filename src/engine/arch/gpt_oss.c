/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/gpt_oss: gpt-oss (OpenAI 2025).
 *
 *   x += attention(norm(x))      every head has a sink that takes part of the attention; every
 *                                second layer sees a window only; biases on q, k, v and the output
 *   x += experts(norm(x))        biased SwiGLU experts with clamped values; the chosen ones weighed
 *                                by the softmax over them */
#include <math.h>

#include "base/limits.h"
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_ATTENTION_BIAS,
    LAYER_VEC(sinks, "attn_sinks.weight", DIM_HEADS, REQUIRED),
    LAYER_VEC(ffn_norm.weight, "post_attention_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_EXPERTS(DIM_FF_EXPERT, REQUIRED),
    LAYER_VEC(b_router, "ffn_gate_inp.bias", DIM_EXPERT, REQUIRED),
    LAYER_VALUES(b_gate_exps, "ffn_gate_exps.bias", DIM_EXPERT, DIM_FF_EXPERT, REQUIRED),
    LAYER_VALUES(b_up_exps, "ffn_up_exps.bias", DIM_EXPERT, DIM_FF_EXPERT, REQUIRED),
    LAYER_VALUES(b_down_exps, "ffn_down_exps.bias", DIM_EXPERT, DIM_MODEL, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    {0},
};

#define DEFAULT_PATTERN 2 /* every second layer sees the whole context */

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (h->n_expert == 0)
        return fail(e, ERR_CORRUPT, "the model has no %s", "gpt-oss.expert_count");
    h->expert_gating = EXPERTS_SOFTMAX_CHOSEN;
    h->expert_norm = false;
    h->expert_scale = 1;
    h->attn_scale = 1.0f / sqrtf((float)h->n_rot);
    h->rope_local_scaled = true;
    if (!gguf_find(g, "gpt-oss.rope.freq_base_swa"))
        h->rope_base_local = h->rope_base;
    return hparams_u32(g, h, "expert_feed_forward_length", 1, LIMIT_WIDTH, &h->d_ff_expert, e) &&
           hparams_window_pattern(h, g, DEFAULT_PATTERN, e);
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_experts(t, l, GATE_CLAMPED, a->x, a->x, true);
}

const struct arch arch_gpt_oss = {
    .name = "gpt-oss",
    .rope_neox = true,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = arch_init_windowed,
    .layer = layer,
};
