/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/phi3: Phi-3, Phi-3.5 and Phi-4 (Abdin et al. 2024).
 *
 *   x += attention(norm(x))      q, k, v in one matrix; rotary positions over halves, with factors
 * of their own for long contexts (LongRoPE, Ding et al. 2024) x += ffn(norm(x))            SwiGLU,
 * gate and up in one matrix
 *
 * A sliding window named by the file is not applied, as the peers do. */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_QKV_BIAS(OPTIONAL),
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN_FUSED,
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    TENSORS_ROPE_FACTORS,
    {0},
};

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_phi3 = {
    .name = "phi3",
    .rope_neox = true,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
