/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/ernie4_5: ERNIE 4.5 (Baidu 2025), dense or, as ernie4_5-moe, a mixture of experts.
 *
 *   x += attention(norm(x))      rotary positions over neighbouring pairs
 *   x += ffn(norm(x))            SwiGLU, or experts chosen by softmax and a bias, and shared ones;
 *                                the first layers, and those between, a plain FFN */
#include "base/limits.h"
#include "engine/arch.h"
#include "engine/blocks.h"
#include "engine/hparams_experts.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_QKV_BIAS(OPTIONAL),
    LAYER_VEC(unread, "attn_output.bias", DIM_MODEL, OPTIONAL), /* the model has none */
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(IF_DENSE),
    TENSORS_EXPERTS(DIM_FF_EXPERT, IF_EXPERTS),
    LAYER_VEC(b_select, "exp_probs_b.bias", DIM_EXPERT, OPTIONAL_IF_EXPERTS),
    TENSORS_SHARED_EXPERT,
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    {0},
};

static bool read_dense(struct hparams *h, const struct gguf *g, struct err *e)
{
    (void)g, (void)e;
    h->n_expert = h->n_expert_used = 0;
    return true;
}

static bool read_moe(struct hparams *h, const struct gguf *g, struct err *e)
{
    return hparams_only_experts(h, g, e) &&
           hparams_u32(g, h, "leading_dense_block_count", 0, LIMIT_LAYERS, &h->n_dense, e) &&
           hparams_u32(g, h, "expert_shared_feed_forward_length", 0, LIMIT_WIDTH, &h->d_ff_shared,
                       e) &&
           hparams_u32(g, h, "interleave_moe_layer_step", 1, LIMIT_LAYERS, &h->expert_step, e);
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn_or_experts(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_ernie4_5 = {
    .name = "ernie4_5",
    .rope_neox = false,
    .read_hparams = read_dense,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};

const struct arch arch_ernie4_5_moe = {
    .name = "ernie4_5-moe",
    .rope_neox = false,
    .read_hparams = read_moe,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
