/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/mamba2: Mamba-2 and Mamba-Codestral (Dao & Gu 2024).
 *
 *   x += mamba2(norm(x))         no attention, no feed-forward block, no positions */
#include "engine/mamba2.h"

#include <string.h>

#include "engine/arch.h"

static const struct tensor_spec layer_tensors[] = {
    LAYER_VEC(attn_norm.weight, "attn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_MAMBA2(REQUIRED, REQUIRED),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    {0},
};

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    memset(h->recurrent, 1, h->n_layer);
    h->n_expert = h->n_expert_used = 0;
    h->n_rot = 0;
    return hparams_mamba2(h, g, e);
}

static void init_layer(const struct model *m, struct layer *l)
{
    (void)m;
    l->rope = NULL;
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_mamba2_scan(t, l, a->x);
    block_mamba2_keep_wanted(t, l);
    block_mamba2_out(t, l, a->x, true);
}

const struct arch arch_mamba2 = {
    .name = "mamba2",
    .recurrent = true,
    .attention_free = true,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = init_layer,
    .layer = layer,
};
