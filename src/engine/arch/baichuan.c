/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/baichuan: Baichuan and Baichuan 2 (Baichuan Inc. 2023).
 *
 *   x += attention(norm(x))      rotary positions over neighbouring pairs in the 7B, linear biases
 *                                in the 13B: the number of layers says which
 *   x += ffn(norm(x))            SwiGLU */
#include "engine/arch.h"
#include "engine/blocks.h"

#define LAYERS_7B  32
#define LAYERS_13B 40

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

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    (void)g, (void)e;
    h->alibi = h->n_layer == LAYERS_13B ? 8 : 0;
    return true;
}

static void init_layer(const struct model *m, struct layer *l)
{
    l->rope = m->h.n_layer == LAYERS_7B ? &m->rope : NULL;
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_ffn(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_baichuan = {
    .name = "baichuan",
    .rope_neox = false,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = init_layer,
    .layer = layer,
};
