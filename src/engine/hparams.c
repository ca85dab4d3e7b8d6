/* SPDX-License-Identifier: Apache-2.0 */
/* engine/hparams: see hparams.h. */
#include "engine/hparams.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "engine/arch.h"
#include "engine/rope.h"

static const char *full_key(const struct hparams *h, const char *key, char out[128])
{
    snprintf(out, 128, "%s.%s", h->arch->name, key);
    return out;
}

/* The one value of a scalar key, or of an array [n_layer] whose elements are all equal; but_zero:
 * or zero. */
static bool uniform_u32(const struct gguf *g, const char *key, uint32_t n_layer, bool but_zero,
                        uint32_t *out, struct err *e)
{
    int64_t value = 0;
    const struct gguf_kv *kv = gguf_find(g, key);
    if (!kv || kv->type != GGUF_ARRAY)
        return gguf_get_u32(g, key, out, e);
    if (!gguf_is_integer(kv->elem) || kv->n == 0 || kv->n != n_layer)
        return fail(e, ERR_CORRUPT, "%s is not an array of one whole number for each layer", key);
    for (uint64_t i = 0; i < kv->n; i++) {
        int64_t v = gguf_int_at(kv, i);
        if (v < 0 || v > UINT32_MAX)
            return fail(e, ERR_CORRUPT, "%s: element %llu is out of range", key,
                        (unsigned long long)i);
        if (i == 0 || (but_zero && value == 0))
            value = v;
        if (v != value && !(but_zero && v == 0))
            return fail(e, ERR_UNSUPPORTED, "%s differs between layers, which is not supported yet",
                        key);
    }
    *out = (uint32_t)value;
    return true;
}

static bool ranged_u32(const struct gguf *g, const struct hparams *h, const char *key,
                       bool but_zero, const uint32_t range[2], uint32_t *out, struct err *e)
{
    char full[128];
    if (!uniform_u32(g, full_key(h, key, full), h->n_layer + h->n_layer_draft, but_zero, out, e))
        return false;
    if (*out < range[0] || *out > range[1])
        return fail(e, ERR_CORRUPT, "%s is %u, outside %u..%u", full, *out, range[0], range[1]);
    return true;
}

bool hparams_u32(const struct gguf *g, const struct hparams *h, const char *key, uint32_t lo,
                 uint32_t hi, uint32_t *out, struct err *e)
{
    return ranged_u32(g, h, key, false, (uint32_t[]){lo, hi}, out, e);
}

/* A recurrent layer has no heads. */
static bool read_heads(const struct gguf *g, const struct hparams *h, const char *key,
                       uint32_t *out, struct err *e)
{
    return ranged_u32(g, h, key, h->arch->recurrent, (uint32_t[]){1, LIMIT_HEADS}, out, e);
}

bool hparams_bool(const struct gguf *g, const struct hparams *h, const char *key, bool *out,
                  struct err *e)
{
    char full[128];
    return gguf_get_bool(g, full_key(h, key, full), out, e);
}

bool hparams_f32(const struct gguf *g, const struct hparams *h, const char *key, float *out,
                 struct err *e)
{
    char full[128];
    if (!gguf_get_f32(g, full_key(h, key, full), out, e))
        return false;
    if (!isfinite(*out))
        return fail(e, ERR_CORRUPT, "%s is not a finite number", full);
    return true;
}

bool hparams_required(const struct gguf *g, const struct hparams *h, const char *key, struct err *e)
{
    char full[128];
    if (!gguf_find(g, full_key(h, key, full)))
        return fail(e, ERR_CORRUPT,
                    "the model has no metadata key %s; the file is incomplete, download it again",
                    full);
    return true;
}

static bool find_arch(struct hparams *h, const struct gguf *g, struct err *e)
{
    struct str name = {0};
    if (!gguf_get_str(g, "general.architecture", &name, e))
        return false;
    if (!name.p)
        return fail(e, ERR_CORRUPT, "the model has no general.architecture");
    h->arch = arch_find(name);
    if (h->arch)
        return true;
    char names[512];
    arch_names(names, sizeof names);
    return fail(e, ERR_UNSUPPORTED, "architecture \"%.*s\" is not supported; supported are: %s",
                STR_ARG(name), names);
}

static bool read_layers(struct hparams *h, const struct gguf *g, struct err *e)
{
    uint32_t draft = 0;
    if (!hparams_u32(g, h, "block_count", 1, LIMIT_LAYERS, &h->n_layer, e) ||
        !hparams_u32(g, h, "nextn_predict_layers", 0, h->n_layer - 1, &draft, e))
        return false;
    h->n_layer_draft = draft;
    h->n_layer -= draft;
    return true;
}

static bool read_sizes(struct hparams *h, const struct gguf *g, struct err *e)
{
    static const char *const keys[] = {"block_count", "context_length", "embedding_length",
                                       "feed_forward_length", "attention.head_count"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!hparams_required(g, h, keys[i], e))
            return false;
    if (!read_layers(h, g, e) ||
        !hparams_u32(g, h, "context_length", 1, LIMIT_CONTEXT, &h->n_ctx_train, e) ||
        !hparams_u32(g, h, "embedding_length", 1, LIMIT_WIDTH, &h->d_model, e) ||
        !hparams_u32(g, h, "feed_forward_length", 0, LIMIT_WIDTH, &h->d_ff, e))
        return false;
    if (h->arch->attention_free) {
        h->n_head = h->n_head_kv = 1;
        h->d_head = h->d_head_v = h->d_model;
        return true;
    }
    if (!read_heads(g, h, "attention.head_count", &h->n_head, e))
        return false;
    h->n_head_kv = h->n_head;
    h->d_head = h->d_head_v = h->d_model / h->n_head;
    if (!read_heads(g, h, "attention.head_count_kv", &h->n_head_kv, e) ||
        !hparams_u32(g, h, "attention.key_length", 1, LIMIT_WIDTH, &h->d_head, e) ||
        !hparams_u32(g, h, "attention.value_length", 1, LIMIT_WIDTH, &h->d_head_v, e))
        return false;
    if (h->n_head % h->n_head_kv)
        return fail(e, ERR_CORRUPT, "%u attention heads cannot share %u key-value heads evenly",
                    h->n_head, h->n_head_kv);
    if (h->d_head == 0 || (uint64_t)h->n_head * h->d_head > LIMIT_WIDTH ||
        (uint64_t)h->n_head * h->d_head_v > LIMIT_WIDTH)
        return fail(e, ERR_CORRUPT, "%u attention heads of %u and %u are outside 1..%u in all",
                    h->n_head, h->d_head, h->d_head_v, LIMIT_WIDTH);
    return true;
}

static bool read_attention(struct hparams *h, const struct gguf *g, struct err *e)
{
    const char *eps =
        h->arch->layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon";
    h->logit_scale = h->residual_scale = h->embed_scale = 1;
    if (!hparams_required(g, h, eps, e) || !hparams_f32(g, h, eps, &h->norm_eps, e) ||
        !hparams_u32(g, h, "attention.sliding_window", 0, UINT32_MAX, &h->window, e) ||
        !hparams_f32(g, h, "attention.scale", &h->attn_scale, e) ||
        !hparams_f32(g, h, "final_logit_softcapping", &h->logit_softcap, e) ||
        !hparams_f32(g, h, "attn_logit_softcapping", &h->attn_softcap, e))
        return false;
    if (h->attn_scale == 0)
        h->attn_scale = 1.0f / sqrtf((float)h->d_head);
    if (h->norm_eps < 0 || h->logit_softcap < 0 || h->attn_softcap < 0)
        return fail(e, ERR_CORRUPT, "an epsilon or soft cap of the model is negative");
    return true;
}

/* What a model says of texts as a whole. */
static bool read_text(struct hparams *h, const struct gguf *g, struct err *e)
{
    char key[128];
    bool causal = !h->arch->encoder;
    uint32_t pooling = POOLING_UNSTATED;
    const struct gguf_kv *labels = gguf_find(g, full_key(h, "classifier.output_labels", key));
    h->n_labels = 1;
    if (!hparams_bool(g, h, "attention.causal", &causal, e) ||
        !gguf_get_u32(g, full_key(h, "pooling_type", key), &pooling, e) ||
        !gguf_get_u32(g, "tokenizer.ggml.token_type_count", &h->n_token_types, e))
        return false;
    h->bidirectional = !causal;
    h->pooling = (enum pooling)pooling;
    if (pooling > POOLING_UNSTATED || (pooling == POOLING_UNSTATED && gguf_find(g, key)))
        return fail(e, ERR_UNSUPPORTED, "%s %u is not supported (0 to 4 are)", key, pooling);
    if (h->n_token_types > LIMIT_WIDTH)
        return fail(e, ERR_CORRUPT, "tokenizer.ggml.token_type_count is out of range");
    if (labels && labels->type == GGUF_ARRAY) {
        if (labels->n == 0 || labels->n > LIMIT_WIDTH)
            return fail(e, ERR_CORRUPT, "the model's list of labels is empty or too long");
        h->n_labels = (uint32_t)labels->n;
    }
    return true;
}

static bool read_rope_scaling(struct hparams *h, const struct gguf *g, struct err *e)
{
    char key[128];
    struct str type = STR("linear");
    if (!gguf_get_str(g, full_key(h, "rope.scaling.type", key), &type, e))
        return false;
    h->rope_scaling = ROPE_SCALING_NONE;
    if (str_is(type, "yarn"))
        h->rope_scaling = ROPE_SCALING_YARN;
    else if (str_is(type, "linear") || str_is(type, "longrope"))
        h->rope_scaling = h->rope_factor == 1 ? ROPE_SCALING_NONE : ROPE_SCALING_LINEAR;
    else if (!str_is(type, "none"))
        return fail(e, ERR_UNSUPPORTED,
                    "%s \"%.*s\" is not supported (none, linear, yarn, longrope are)", key,
                    STR_ARG(type));
    return true;
}

static bool read_rope(struct hparams *h, const struct gguf *g, const struct rope_options *options,
                      struct err *e)
{
    h->n_rot = h->d_head;
    h->rope_neox = h->arch->rope_neox;
    h->rope_base = h->rope_base_local = 10000;
    h->rope_n_ctx = h->n_ctx_train;
    h->rope_attn_factor = 1;
    h->yarn_beta_fast = 32;
    h->yarn_beta_slow = h->yarn_ext_factor = 1;
    if (!hparams_u32(g, h, "rope.dimension_count", 0, h->d_head, &h->n_rot, e) ||
        !hparams_f32(g, h, "rope.freq_base", &h->rope_base, e) ||
        !hparams_f32(g, h, "rope.freq_base_swa", &h->rope_base_local, e) ||
        !hparams_f32(g, h, "rope.scale_linear", &h->rope_factor, e) ||
        !hparams_f32(g, h, "rope.scaling.factor", &h->rope_factor, e) ||
        !hparams_u32(g, h, "rope.scaling.original_context_length", 1, LIMIT_CONTEXT, &h->rope_n_ctx,
                     e) ||
        !hparams_f32(g, h, "rope.scaling.attn_factor", &h->rope_attn_factor, e) ||
        !hparams_f32(g, h, "rope.scaling.yarn_beta_fast", &h->yarn_beta_fast, e) ||
        !hparams_f32(g, h, "rope.scaling.yarn_beta_slow", &h->yarn_beta_slow, e) ||
        !hparams_f32(g, h, "rope.scaling.yarn_ext_factor", &h->yarn_ext_factor, e))
        return false;
    if (h->rope_factor == 0)
        h->rope_factor = 1;
    if (h->yarn_ext_factor < 0) /* the old spelling of "not stated" */
        h->yarn_ext_factor = 1;
    if (h->n_rot % 2)
        return fail(e, ERR_CORRUPT, "%s.rope.dimension_count is odd (%u)", h->arch->name, h->n_rot);
    if (h->rope_base <= 1 || h->rope_base_local <= 1 || h->rope_factor <= 0)
        return fail(e, ERR_CORRUPT, "the model's rotary base or scaling factor is out of range");
    if (h->yarn_beta_fast <= 0 || h->yarn_beta_slow <= 0)
        return fail(e, ERR_CORRUPT, "the model's YaRN bounds are not above zero");
    return read_rope_scaling(h, g, e) && rope_apply(h, options, e);
}

bool hparams_sections(struct hparams *h, const struct gguf *g, struct err *e)
{
    char key[128];
    const struct gguf_kv *kv = gguf_find(g, full_key(h, "rope.dimension_sections", key));
    if (!kv)
        return true;
    if (kv->type != GGUF_ARRAY || !gguf_is_integer(kv->elem) || kv->n == 0 || kv->n > 4)
        return fail(e, ERR_CORRUPT, "%s is not an array of up to four whole numbers", key);
    for (uint32_t i = 0; i < kv->n; i++) {
        int64_t pairs = gguf_int_at(kv, i);
        if (pairs < 0 || pairs > LIMIT_WIDTH)
            return fail(e, ERR_CORRUPT, "%s: element %u is out of range", key, i);
        h->rope_sections[i] = (uint32_t)pairs;
    }
    return true;
}

static bool read_experts(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (!hparams_u32(g, h, "expert_count", 0, LIMIT_EXPERTS, &h->n_expert, e) ||
        !hparams_u32(g, h, "expert_used_count", 0, LIMIT_EXPERTS, &h->n_expert_used, e) ||
        !hparams_u32(g, h, "expert_group_count", 0, LIMIT_EXPERTS, &h->n_group, e) ||
        !hparams_u32(g, h, "expert_group_used_count", 0, LIMIT_EXPERTS, &h->n_group_used, e) ||
        !hparams_f32(g, h, "expert_weights_scale", &h->expert_scale, e))
        return false;
    h->d_ff_expert = h->d_ff;
    h->expert_gating = EXPERTS_SOFTMAX;
    h->expert_norm = true;
    if (h->expert_scale == 0)
        h->expert_scale = 1;
    if (h->n_expert && (h->n_expert_used == 0 || h->n_expert_used > h->n_expert))
        return fail(e, ERR_CORRUPT, "the model uses %u of its %u experts, which cannot be",
                    h->n_expert_used, h->n_expert);
    if (h->n_group <= 1 || h->n_expert == 0)
        h->n_group = 0;
    else if (h->n_expert % h->n_group || h->n_group_used == 0 || h->n_group_used > h->n_group ||
             h->n_expert / h->n_group * h->n_group_used < h->n_expert_used)
        return fail(e, ERR_CORRUPT,
                    "the model chooses its %u experts from %u of %u groups, which "
                    "cannot be",
                    h->n_expert, h->n_group_used, h->n_group);
    return true;
}

static bool read_vocab(struct hparams *h, const struct gguf *g, struct err *e)
{
    const struct gguf_tensor *t = gguf_tensor_find(g, STR("token_embd.weight"));
    if (!t && g->n_tensors == 0)
        return fail(e, ERR_UNSUPPORTED,
                    "the file holds a vocabulary and no weights; moat tokenize can use it");
    if (!t)
        return fail(e, ERR_CORRUPT,
                    "the model has no tensor %s; the file is incomplete, download it again",
                    "token_embd.weight");
    if (t->ne[1] == 0 || t->ne[1] > LIMIT_VOCAB)
        return fail(e, ERR_CORRUPT, "token_embd.weight has %llu rows, outside 1..%u",
                    (unsigned long long)t->ne[1], LIMIT_VOCAB);
    h->n_vocab = (uint32_t)t->ne[1];
    return true;
}

/* What no tensor vouches for must not size memory. */
static void forget_unused(struct hparams *h)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < h->n_layer; i++)
        n += hparams_has_experts(h, i);
    if (n == 0)
        h->n_expert = h->n_expert_used = h->d_ff_expert = h->d_ff_shared = 0;
    else if (n == h->n_layer)
        h->d_ff = h->d_ff_expert;
}

bool hparams_read(struct hparams *h, const struct gguf *g, const struct rope_options *rope,
                  struct err *e)
{
    *h = (struct hparams){0};
    bool ok = find_arch(h, g, e) && read_sizes(h, g, e) && read_attention(h, g, e) &&
              read_text(h, g, e) && read_rope(h, g, rope, e) && read_experts(h, g, e) &&
              read_vocab(h, g, e) && (!h->arch->read_hparams || h->arch->read_hparams(h, g, e));
    if (!ok)
        return false;
    forget_unused(h);
    return true;
}

static bool window_array(struct hparams *h, const struct gguf_kv *kv, struct err *e)
{
    bool usable = gguf_is_integer(kv->elem) || kv->elem == GGUF_BOOL;
    if (!usable || kv->n != h->n_layer + h->n_layer_draft)
        return fail(e, ERR_CORRUPT,
                    "%.*s does not say for each of the %u layers whether it is windowed",
                    STR_ARG(kv->key), h->n_layer);
    for (uint32_t i = 0; i < h->n_layer; i++)
        h->windowed[i] = h->window && gguf_int_at(kv, i) != 0;
    return true;
}

bool hparams_window_pattern(struct hparams *h, const struct gguf *g, uint32_t default_pattern,
                            struct err *e)
{
    char key[128];
    const struct gguf_kv *kv = gguf_find(g, full_key(h, "attention.sliding_window_pattern", key));
    if (kv && kv->type == GGUF_ARRAY)
        return window_array(h, kv, e);
    uint32_t pattern = default_pattern;
    if (!hparams_u32(g, h, "attention.sliding_window_pattern", 0, LIMIT_LAYERS, &pattern, e))
        return false;
    for (uint32_t i = 0; i < h->n_layer; i++)
        h->windowed[i] = h->window && (pattern == 0 || i % pattern < pattern - 1);
    return true;
}

void hparams_headless_layers(struct hparams *h, const struct gguf *g)
{
    char key[128];
    const struct gguf_kv *kv = gguf_find(g, full_key(h, "attention.head_count_kv", key));
    for (uint32_t i = 0; i < h->n_layer; i++)
        h->recurrent[i] = kv && kv->type == GGUF_ARRAY && gguf_int_at(kv, i) == 0;
}
