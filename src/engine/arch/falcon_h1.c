/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/falcon_h1: Falcon-H1 (Technology Innovation Institute 2025).
 *
 *   x += attention(h) + mamba2(h), h = norm(x)   rotary positions over halves
 *   x += ffn(norm(x))                            SwiGLU
 * Files have the model's multipliers in their weights. */
#include "engine/arch.h"
#include "engine/mamba2.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_ATTENTION,
    TENSORS_QKV_BIAS(OPTIONAL),
    LAYER_VEC(unread, "attn_output.bias", DIM_MODEL, OPTIONAL), /* the models have none */
    TENSORS_MAMBA2(OPTIONAL, OPTIONAL),
    /* some files name it without the ending */
    LAYER_VEC_OR(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED, "ffn_norm", DIM_MODEL,
                 DIM_NONE),
    TENSORS_FFN(REQUIRED),
    TENSORS_FFN_BIAS,
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    MODEL_VEC(unread, "rope_freqs.weight", DIM_ROT2, OPTIONAL), /* the models do not scale */
    {0},
};

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    h->n_expert = h->n_expert_used = 0;
    h->state_beside = true;
    return hparams_mamba2(h, g, e);
}

/* The last layer's attention leaves only the rows whose logits are wanted: the states have seen all
 * tokens by then. */
static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_mamba2_scan(t, l, a->x);
    block_attention(t, l, a->x, a->o, false);
    block_mamba2_keep_too(t);
    block_mamba2_out(t, l, a->o, true);
    block_add_scaled(t, a->o, 1.0f, a->x);
    block_ffn(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_falcon_h1 = {
    .name = "falcon-h1",
    .rope_neox = true,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
