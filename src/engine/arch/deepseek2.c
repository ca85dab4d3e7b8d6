/* SPDX-License-Identifier: Apache-2.0 */
/* engine/arch/deepseek2: DeepSeek V2, V3 and R1 (DeepSeek-AI 2024), and what took their shape (Kimi
 * K2, GLM 4.7 Flash, Mistral Large 3).
 *
 *   x += latent attention(norm(x))   engine/mla
 *   x += experts(norm(x))            SwiGLU experts, chosen from groups by softmax or by sigmoid
 *                                    with a bias, and a shared one; the first layers a plain FFN */
#include <math.h>

#include "base/limits.h"
#include "engine/arch.h"
#include "engine/blocks.h"
#include "engine/hparams_experts.h"

static const struct tensor_spec layer_tensors[] = {
    LAYER_VEC(attn_norm.weight, "attn_norm.weight", DIM_MODEL, REQUIRED),
    LAYER_MAT(wq, "attn_q.weight", DIM_Q_DIRECT, DIM_MODEL, IF_SIZED),
    LAYER_MAT(wq_a, "attn_q_a.weight", DIM_Q_RANK, DIM_MODEL, IF_SIZED),
    LAYER_VEC(q_a_norm, "attn_q_a_norm.weight", DIM_Q_RANK, IF_SIZED),
    LAYER_MAT(wq_b, "attn_q_b.weight", DIM_Q_MLA, DIM_Q_RANK, IF_SIZED),
    LAYER_MAT(wkv_a, "attn_kv_a_mqa.weight", DIM_KV_LATENT, DIM_MODEL, REQUIRED),
    LAYER_VEC(kv_a_norm, "attn_kv_a_norm.weight", DIM_KV_RANK, REQUIRED),
    LAYER_HEADS(wk_b, "attn_k_b.weight", DIM_KV_RANK, DIM_K_MLA, IF_SIZED),
    LAYER_HEADS(wv_b, "attn_v_b.weight", DIM_V_MLA, DIM_KV_RANK, IF_SIZED),
    LAYER_MAT(wkv_b, "attn_kv_b.weight", DIM_KV_HEADS, DIM_KV_RANK, IF_SIZED),
    LAYER_MAT(wo, "attn_output.weight", DIM_MODEL, DIM_ATTN_MLA, REQUIRED),
    LAYER_VEC(ffn_norm.weight, "ffn_norm.weight", DIM_MODEL, REQUIRED),
    TENSORS_FFN(IF_DENSE),
    TENSORS_EXPERTS_FUSED(DIM_FF_EXPERT),
    LAYER_VEC(b_select, "exp_probs_b.bias", DIM_EXPERT, OPTIONAL_IF_EXPERTS),
    TENSORS_SHARED_EXPERT,
    {0},
};

static const struct tensor_spec model_tensors[] = {
    TENSORS_MODEL,
    {0},
};

/* YaRN here sharpens the scores themselves, by the square of its factor. */
static bool read_scaling(struct hparams *h, const struct gguf *g, struct err *e)
{
    float log_mul = 0;
    if (!hparams_f32(g, h, "rope.scaling.yarn_log_multiplier", &log_mul, e))
        return false;
    bool yarn = h->rope_scaling == ROPE_SCALING_YARN;
    double stretch = h->rope_scaling == ROPE_SCALING_NONE ? 0 : log((double)h->rope_factor);
    double factor = 1 + 0.1 * (yarn ? fmax(0, stretch) : stretch);
    if (yarn && log_mul != 0) /* the key says 0.1 times the multiplier */
        factor = 1;
    factor *= (double)h->rope_attn_factor * (1 + (double)log_mul * stretch);
    h->attn_scale = (float)(factor * factor / sqrt((double)h->d_head_mla));
    h->yarn_log_mul =
        log_mul != 0 ? 1 : 0; /* which leaves the rotated vectors as long as they are */
    return true;
}

static bool read_temperature(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (!hparams_f32(g, h, "attention.temperature_scale", &h->attn_temp_scale, e))
        return false;
    return h->attn_temp_scale == 0 || (hparams_required(g, h, "attention.temperature_length", e) &&
                                       hparams_u32(g, h, "attention.temperature_length", 1,
                                                   UINT32_MAX, &h->attn_temp_length, e));
}

static bool read_experts(struct hparams *h, const struct gguf *g, struct err *e)
{
    bool flash = (h->n_layer == 47 || h->n_layer == 48) && h->n_vocab == 154880; /* GLM 4.7 */
    h->expert_norm = false;
    h->expert_gating = flash ? EXPERTS_SIGMOID : EXPERTS_SOFTMAX;
    return hparams_shared_experts(h, g, e);
}

static bool read_hparams(struct hparams *h, const struct gguf *g, struct err *e)
{
    return hparams_required(g, h, "attention.kv_lora_rank", e) && hparams_mla(h, g, e) &&
           read_scaling(h, g, e) && read_temperature(h, g, e) && read_experts(h, g, e);
}

static void layer(struct task *t, const struct layer *l)
{
    struct activations *a = &t->f->act;
    block_latent_attention(t, l, a->x, a->x, true);
    if (hparams_has_experts(&t->f->m->h, l->index))
        block_experts(t, l, GATE_SILU, a->x, a->x, true);
    else
        block_ffn(t, l, GATE_SILU, a->x, a->x, true);
}

const struct arch arch_deepseek2 = {
    .name = "deepseek2",
    .rope_neox = false,
    .read_hparams = read_hparams,
    .layer_tensors = layer_tensors,
    .model_tensors = model_tensors,
    .layer = layer,
};
