/* SPDX-License-Identifier: Apache-2.0 */
/* engine/hparams: the sizes of a model, each under the one name the whole program uses.
 *
 * Read from GGUF keys "<architecture>.<key>"; every value is range-checked (base/limits.h) and
 * their relations too, so that later code may multiply and divide by them freely. A missing
 * optional key has the reference's default. */
#ifndef MOAT_ENGINE_HPARAMS_H
#define MOAT_ENGINE_HPARAMS_H

#include "base/limits.h"
#include "engine/pooling.h"
#include "engine/rope_options.h"
#include "gguf/gguf.h"

struct arch;

/* How a router's outputs become weights: of all experts, of each by itself, of the chosen only. */
enum expert_gating {
    EXPERTS_SOFTMAX = 1,
    EXPERTS_SIGMOID = 2,
    EXPERTS_SOFTMAX_CHOSEN = 3,
};

struct hparams {
    const struct arch *arch;
    uint32_t n_layer;       /* block_count, less n_layer_draft */
    uint32_t n_layer_draft; /* nextn_predict_layers: after the others, not run */
    uint32_t n_ctx_train;   /* context_length */
    uint32_t n_ctx_reach;   /* what rope_options extend it to, n_ctx_train */
    uint32_t d_model;       /* embedding_length */
    uint32_t d_ff;          /* feed_forward_length */
    uint32_t n_head;        /* attention.head_count */
    uint32_t n_head_kv;     /* attention.head_count_kv, default n_head */
    uint32_t d_head;        /* attention.key_length, default d_model / n_head */
    uint32_t d_head_v;      /* attention.value_length, default d_model / n_head */
    uint32_t n_vocab;       /* rows of token_embd.weight */
    uint32_t n_rot;         /* rope.dimension_count, default d_head */
    float norm_eps;         /* attention.layer_norm_rms_epsilon, or attention.layer_norm_epsilon */
    uint32_t window;        /* attention.sliding_window, 0: none */
    unsigned char windowed[LIMIT_LAYERS]; /* layers with that window, see hparams_window_pattern */
    float attn_scale;                     /* attention.scale, default 1/sqrt(d_head) */
    float alibi;                          /* most bias of a score by distance, 0: none */
    float logit_softcap;                  /* final_logit_softcapping, 0: none */
    float attn_softcap;                   /* attn_logit_softcapping, 0: none */

    /* attention.causal is false: a token sees the whole text, also what follows it. The text must
     * be in one batch then. */
    bool bidirectional;
    enum pooling pooling;
    uint32_t n_token_types; /* tokenizer.ggml.token_type_count; 0: none */
    uint32_t n_labels;      /* classifier.output_labels, 1 */

    /* What single architectures have: */
    float logit_scale;    /* of the output, 1 */
    float residual_scale; /* residual_scale: of what a block adds, 1 */
    float embed_scale;    /* embedding_scale, 1 */

    float rope_base;        /* rope.freq_base, 10000 */
    float rope_base_local;  /* rope.freq_base_swa, of sliding-window layers */
    bool rope_local_scaled; /* those are scaled like the others */
    bool no_positions;      /* rope.scaling.finetuned is false (Granite) */
    bool rope_neox;         /* pairs are halves of a head, not neighbours */
    /* rope.dimension_sections: pairs of each axis of an image; in text all but the last turn */
    uint32_t rope_sections[4];
    bool rope_interleaved; /* those axes take turns, pair by pair */
    enum rope_scaling rope_scaling;
    float rope_factor;      /* rope.scaling.factor, 1 */
    uint32_t rope_n_ctx;    /* rope.scaling.original_context_length */
    float rope_attn_factor; /* rope.scaling.attn_factor, 1 */
    float yarn_beta_fast, yarn_beta_slow, yarn_ext_factor; /* 32, 1, 1 */
    float yarn_log_mul; /* rope.scaling.yarn_log_multiplier, 0: none */

    uint32_t n_expert, n_expert_used; /* expert_count, expert_used_count; 0 without experts */
    uint32_t d_ff_expert;             /* expert_feed_forward_length, default d_ff */
    uint32_t d_ff_shared;             /* of the expert all tokens use; 0: none */
    uint32_t n_dense;                 /* leading_dense_block_count: layers without experts */
    uint32_t expert_step;             /* of the others each so many-th has them; 0, 1: all */
    enum expert_gating expert_gating; /* expert_gating_func, as the architecture's default */
    bool expert_norm;                 /* divide the chosen weights by their sum */
    uint32_t n_group, n_group_used;   /* expert_group_count, expert_group_used_count; 0: none */
    float expert_scale;               /* expert_weights_scale, 1 */

    /* Latent attention, see hparams_mla. */
    bool latent;                       /* the cache holds latent vectors */
    uint32_t q_rank, kv_rank;          /* attention.q_lora_rank, attention.kv_lora_rank */
    uint32_t d_head_mla, d_head_v_mla; /* attention.key_length_mla, attention.value_length_mla */
    float attn_temp_scale;             /* attention.temperature_scale, 0 */
    uint32_t attn_temp_length;         /* attention.temperature_length */

    /* Recurrent layers. */
    unsigned char recurrent[LIMIT_LAYERS];
    uint32_t conv_taps; /* shortconv.l_cache or ssm.conv_kernel: values a convolution looks at */
    uint64_t d_state;   /* values of a layer's state */
    /* ssm.state_size, ssm.group_count, ssm.time_step_rank: the delta rule's heads */
    uint32_t d_delta, n_delta_k, n_delta_v;
    /* ssm.inner_size, and the same keys: Mamba-2's */
    uint32_t d_ssm, d_ssm_state, n_ssm_group, n_ssm_head;
    bool state_beside; /* every layer has a state beside keys and values */

    /* What only this architecture needs room for: */
    uint32_t widest;     /* row of a matrix */
    uint64_t d_spare[4]; /* values a token of activations.spare */
    uint64_t d_input;    /* values a token that are one input of a multiplication */
};
/* `rope`: NULL, or what the user states instead; ERR_USAGE where its parts contradict each other.
 */
bool hparams_read(struct hparams *h, const struct gguf *g, const struct rope_options *rope,
                  struct err *e) MUST_USE;

/* Architecture-prefixed keys for arch files: h->arch->name "." key. */
bool hparams_u32(const struct gguf *g, const struct hparams *h, const char *key, uint32_t lo,
                 uint32_t hi, uint32_t *out, struct err *e) MUST_USE;
bool hparams_bool(const struct gguf *g, const struct hparams *h, const char *key, bool *out,
                  struct err *e) MUST_USE;
bool hparams_f32(const struct gguf *g, const struct hparams *h, const char *key, float *out,
                 struct err *e) MUST_USE;

/* Whether the file has it; ERR_CORRUPT when not. */
bool hparams_required(const struct gguf *g, const struct hparams *h, const char *key,
                      struct err *e) MUST_USE;

/* Layers without key-value heads by attention.head_count_kv are recurrent. */
void hparams_headless_layers(struct hparams *h, const struct gguf *g);

/* mla.c: the sizes of latent attention. */
bool hparams_mla(struct hparams *h, const struct gguf *g, struct err *e) MUST_USE;

/* rope.dimension_sections, one to four of them. */
bool hparams_sections(struct hparams *h, const struct gguf *g, struct err *e) MUST_USE;

static inline bool hparams_has_experts(const struct hparams *h, uint32_t layer)
{
    return h->n_expert && layer >= h->n_dense &&
           (h->expert_step < 2 || (layer + 1) % h->expert_step == 0);
}

/* The longest row of a matrix that multiplies inside a feed-forward block. */
static inline uint32_t hparams_widest_ffn(const struct hparams *h)
{
    uint32_t widest = h->d_ff > h->d_ff_expert ? h->d_ff : h->d_ff_expert;
    return widest > h->d_ff_shared ? widest : h->d_ff_shared;
}

/* attention.sliding_window_pattern: P (or the default) makes all but every P-th layer windowed; an
 * array says it layer by layer. Without a window no layer is. */
bool hparams_window_pattern(struct hparams *h, const struct gguf *g, uint32_t default_pattern,
                            struct err *e) MUST_USE;

#endif
