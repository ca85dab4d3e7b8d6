/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/internlm2: InternLM2 (Cai et al. 2024).
 *
 *   x += attention(norm(x))      rotary positions over neighbouring pairs
 *   x += ffn(norm(x))            SwiGLU */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_QKV_BIAS(OPTIONAL),
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_TIED,
    TENSORS_OUTPUT(REQUIRED),
    {0},
};

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_internlm2 = {
    .name = "internlm2",
    .rope_neox = false,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
