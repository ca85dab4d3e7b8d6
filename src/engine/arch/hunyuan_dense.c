/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/hunyuan_dense: Hunyuan 0.5B to 7B (Tencent 2025).
 *
 *   x += attention(norm(x))      rotary positions over halves, then every q and k head normalised
 *   x += ffn(norm(x))            SwiGLU */
#include <math.h>

#include "engine/arch.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,     TENSORS_ATTENTION_BIAS,
    TENSORS_QK_NORM,       LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(REQUIRED), {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    {0},
};

/* rope.scaling.alpha moves the base; most files have moved it already. */
static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    float alpha = 0;
    if (!hparams_f32(g, h, "rope.scaling.alpha", &alpha, e))
        return false;
    if (alpha > 0 && h->d_head > 2)
        h->rope_base *= powf(alpha, (float)h->d_head / (float)(h->d_head - 2));
    if (!isfinite(h->rope_base) || h->rope_base <= 1)
        return fail(e, ERR_CORRUPT, "the model's rotary base or scaling factor is out of range");
    return true;
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_hunyuan_dense = {
    .name = "hunyuan-dense",
    .rope_neox = true,
    .qk_norm = QK_NORM_ROTATED,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
