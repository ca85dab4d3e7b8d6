/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/bert: BERT (Devlin et al. 2018) and its descendants: MiniLM, BGE, E5, GTE.
 *
 *   x = layer norm(embedding + position + type 0), all learned
 *   x = layer norm(x + attention(x))       every token sees the whole text
 *   x = layer norm(x + ffn(x))             GELU, no gate; biases */
#include "engine/arch/bert.h"

#include "engine/blocks.h"

static const struct tensor_spec layer_tensors[] = {
    BERT_LAYER_TENSORS,
    TENSORS_FFN_UNGATED(OPTIONAL),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    BERT_MODEL_TENSORS,
    MODEL_MAT(positions, "position_embd.weight", DIM_CONTEXT, DIM_MODEL, REQUIRED),
    {0},
};

static void init_layer(const struct model *m, struct layer *l)
{
    (void)m;
    l->rope = NULL;
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_attention(t, l, a->x, a->x, true);
    block_normalise(t, a->x, l->attn_post_norm);
    block_ffn(t, l, GATE_GELU_ERF, a->x, a->x, true);
    block_normalise(t, a->x, l->ffn_post_norm);
}

const struct arch arch_bert = {
    .name = "bert",
    .encoder = true,
    .layer_norm = true,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = init_layer,
    .layer = layer,
};
