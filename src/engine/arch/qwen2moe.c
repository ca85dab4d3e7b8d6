/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/qwen2moe: Qwen1.5 and Qwen2 with a mixture of experts in every layer (Yang et al.
 * 2024).
 *
 *   x += attention(norm(x))      biases on q, k, v; rotary positions over halves
 *   x += experts(norm(x)) + sigmoid(g . norm(x)) * ffn(norm(x))
 *                                SwiGLU; the chosen experts' weights are not made to sum to 1 */
#include "base/limits.h"
#include "engine/arch.h"
#include "engine/blocks.h"
#include "engine/hparams_experts.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_QKV_BIAS(OPTIONAL),
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_EXPERTS(DIM_FF_EXPERT, REQUIRED),
    TENSORS_SHARED_EXPERT,
    LAYER_VEC(shared_gate, "ffn_gate_inp_shexp.weight", DIM_MODEL, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_TIED,
    TENSORS_OUTPUT(REQUIRED),
    {0},
};

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    h->expert_norm = false;
    h->d_ff_shared = h->d_ff;
    return hparams_only_experts(h, g, e) && hparams_u32(g, h, "expert_shared_feed_forward_length",
                                                        1, LIMIT_WIDTH, &h->d_ff_shared, e);
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_experts(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_qwen2moe = {
    .name = "qwen2moe",
    .rope_neox = true,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
