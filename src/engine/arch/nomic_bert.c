/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/nomic-bert: Nomic Embed (Nussbaum et al. 2024).
 *
 *   x = layer norm(embedding + type 0)
 *   x = layer norm(x + attention(x))       every token sees the whole text; rotary positions over
 *                                          halves
 *   x = layer norm(x + ffn(x))             SwiGLU */
#include "engine/arch/bert.h"
#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    BERT_LAYER_TENSORS,
    TENSORS_FFN(REQUIRED),
    TENSORS_FFN_BIAS,
    {0},
};

static const struct tensor_spec model_tensors[] = {
    BERT_MODEL_TENSORS,
    {0},
};

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_normalise(t, a->x, l->attn_post_norm);
    block_ffn(t, l, GATE_SILU, a->x, a->x, true);
    block_normalise(t, a->x, l->ffn_post_norm);
}

const struct arch arch_nomic_bert = {
    .name = "nomic-bert",
    .rope_neox = true,
    .encoder = true,
    .layer_norm = true,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
