/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/lfm2: LFM2 (Liquid AI 2025), dense and, as lfm2moe, with a mixture of experts.
 *
 *   x += attention(norm(x))      in some layers: every q and k head normalised
 *   x += short conv(norm(x))     in the others: a convolution between two gates
 *   x += ffn(norm(x))            SwiGLU, or experts chosen by sigmoid and a bias */
#include <math.h>

#include "base/limits.h"
#include "engine/arch.h"
#include "engine/hparams_experts.h"
#include "engine/recurrent.h"

static const struct tensor_spec layer_tensors[] = {
    TENSORS_SOME_ATTENTION(DIM_Q, DIM_QK, DIM_QKV),
    LAYER_MAT(conv_in, "shortconv.in_proj.weight", DIM_MODEL3, DIM_MODEL, IF_RECURRENT),
    LAYER_COLUMNS(conv, "shortconv.conv.weight", DIM_MODEL, DIM_TAPS, IF_RECURRENT),
    LAYER_MAT(conv_out, "shortconv.out_proj.weight", DIM_MODEL, DIM_MODEL, IF_RECURRENT),
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(IF_DENSE),
    TENSORS_EXPERTS(DIM_FF_EXPERT, IF_EXPERTS),
    LAYER_VEC(b_select, "exp_probs_b.bias", DIM_EXPERT, IF_EXPERTS),
    {0},
};

static const struct tensor_spec model_tensors[] = {
    MODEL_MAT(embed, "token_embd.weight", DIM_VOCAB, DIM_MODEL, REQUIRED),
    MODEL_VEC(output_norm.weight, "token_embd_norm.weight", DIM_MODEL,
              REQUIRED), /* so it is called */
    MODEL_MAT(output, "output.weight", DIM_VOCAB, DIM_MODEL, OPTIONAL),
    {0},
};

static bool read_conv(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (!hparams_required(g, h, "shortconv.l_cache", e) ||
        !hparams_u32(g, h, "shortconv.l_cache", 2, LIMIT_CONV_TAPS, &h->conv_taps, e))
        return false;
    h->attn_scale = 1.0f / sqrtf((float)h->d_head_v);
    h->expert_scale = 1;
    h->d_state = (uint64_t)(h->conv_taps - 1) * h->d_model;
    h->d_spare[0] = 3 * (uint64_t)h->d_model;
    hparams_headless_layers(h, g);
    return true;
}

static bool read_dense(struct hparams *h, const struct gguf *g, struct err *e)
{
    h->n_expert = h->n_expert_used = 0;
    for (uint32_t i = 0; i < h->n_layer; i++)
        h->windowed[i] = h->window != 0;
    return read_conv(h, g, e);
}

static bool read_moe(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (h->n_expert == 0)
        return fail(e, ERR_CORRUPT, "the model has no %s", "lfm2moe.expert_count");
    if (!hparams_required(g, h, "expert_gating_func", e) || !hparams_expert_choice(h, g, e))
        return false;
    h->expert_norm = true;
    return hparams_u32(g, h, "expert_feed_forward_length", 1, LIMIT_WIDTH, &h->d_ff_expert, e) &&
           read_conv(h, g, e);
}

static void init_layer(const struct model *m, struct layer *l)
{
    l->window = m->h.windowed[l->index] ? m->h.window : 0;
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    (l->recurrent ? block_short_conv : block_attention)(t, l, a->x, a->x, true);
    if (hparams_has_experts(&t->f->m->h, l->index))
        block_experts(t, l, GATE_SILU, a->x, a->x, true);
    else
        block_ffn(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_lfm2 = {
    .name = "lfm2",
    .rope_neox = true,
    .recurrent = true,
    .read_hparams = read_dense,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .init_layer = init_layer,
    .layer = layer,
};

const struct arch arch_lfm2moe = {
    .name = "lfm2moe",
    .rope_neox = true,
    .recurrent = true,
    .read_hparams = read_moe,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
