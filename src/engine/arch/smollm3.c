/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/smollm3: SmolLM3 (Hugging Face 2025).
 *
 *   x += attention(norm(x))      rotary positions over neighbouring pairs, but for every fourth
 *                                layer, which has no positions (Yang et al. 2025)
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
    TENSORS_MODEL,
    {0},
};

#define NO_POSITIONS 4 /* every so many layers one has none */

static void init_layer(const struct model *m, struct layer *l)
{
    l->rope = (l->index + 1) % NO_POSITIONS ? &m->rope : NULL;
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_smollm3 = {
    .name = "smollm3",
    .rope_neox = false,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = init_layer,
    .layer = layer,
};
