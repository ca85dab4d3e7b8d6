/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/qwen3: Qwen3 (Yang et al. 2025).
 *
 *   x += attention(norm(x))      every q and k head normalised; rotary positions over halves
 *   x += ffn(norm(x))            SwiGLU
 *
 * A reranker (Zhang et al. 2025) has a classifier: the output's rows of "yes" and "no". */
#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,     TENSORS_QKV_BIAS(OPTIONAL),
    TENSORS_QK_NORM,       LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(REQUIRED), {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    MODEL_VALUES(classifier, "cls.output.weight", DIM_LABELS, DIM_MODEL, OPTIONAL),
    {0},
};

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_qwen3 = {
    .name = "qwen3",
    .rope_neox = true,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
