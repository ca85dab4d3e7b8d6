/* SPDX-License-Identifier: Apache-2.0 */
/* lab/convert_keys: config.json -> the metadata that says how a model computes.
 *
 * What a GGUF cannot say, or the engine does not do, is refused here rather than left out. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "engine/pooling.h"
#include "lab/convert_private.h"

static const char *key_of(const struct conversion *c, const char *key, char out[128])
{
    snprintf(out, 128, "%s.%s", c->family->arch, key);
    return out;
}

void convert_put_u32(struct conversion *c, const char *key, uint32_t v)
{
    char full[128];
    gguf_write_u32(&c->w, key_of(c, key, full), v);
}

void convert_put_f32(struct conversion *c, const char *key, float v)
{
    char full[128];
    gguf_write_f32(&c->w, key_of(c, key, full), v);
}

/* --- what all have ---------------------------------------------------------------------------- */

struct sizes {
    uint32_t n_layer, n_ctx, d_model, d_ff, n_head, n_head_kv, d_head;
    float eps;
};

/* Zeros in s have no default: config.json must say them. */
static bool read_sizes(struct conversion *c, const char *eps_key, struct sizes *s, struct err *e)
{
    const json_t *o = c->hf.text;
    const struct {
        const char *key;
        uint32_t most, *out;
    } rows[] = {{"num_hidden_layers", LIMIT_LAYERS, &s->n_layer},
                {"max_position_embeddings", LIMIT_CONTEXT, &s->n_ctx},
                {"hidden_size", LIMIT_WIDTH, &s->d_model},
                {"intermediate_size", LIMIT_WIDTH, &s->d_ff},
                {"num_attention_heads", LIMIT_HEADS, &s->n_head}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((*rows[i].out == 0 && !hf_required(o, rows[i].key, e)) ||
            !hf_u32(o, rows[i].key, 1, rows[i].most, rows[i].out, e))
            return false;
    if ((!(s->eps > 0) && !hf_required(o, eps_key, e)) || !hf_f32(o, eps_key, &s->eps, e))
        return false;
    if (s->n_head_kv == 0)
        s->n_head_kv = s->n_head;
    if (s->d_head == 0)
        s->d_head = s->d_model / s->n_head;
    if (!hf_u32(o, "num_key_value_heads", 1, LIMIT_HEADS, &s->n_head_kv, e) ||
        !hf_u32(o, "head_dim", 1, LIMIT_WIDTH, &s->d_head, e))
        return false;
    c->n_head = s->n_head;
    c->n_head_kv = s->n_head_kv;
    return true;
}

static void put_sizes(struct conversion *c, const struct sizes *s)
{
    convert_put_u32(c, "block_count", s->n_layer);
    convert_put_u32(c, "context_length", s->n_ctx);
    convert_put_u32(c, "embedding_length", s->d_model);
    convert_put_u32(c, "feed_forward_length", s->d_ff);
    convert_put_u32(c, "attention.head_count", s->n_head);
}

static bool check_act(const struct conversion *c, const char *key, const char *wanted,
                      struct err *e)
{
    const char *act = hf_text(c->hf.text, key);
    return !act || strcmp(act, wanted) == 0 ||
           fail(e, ERR_UNSUPPORTED, "config.json: \"%s\" is \"%s\"; %s computes with \"%s\" only",
                key, act, c->family->arch, wanted);
}

/* --- decoders --------------------------------------------------------------------------------- */

/* Where every layer looks back only so far, a longer context would compute something else. */
static bool limit_window(struct conversion *c, struct sizes *s, struct err *e)
{
    const json_t *o = c->hf.text;
    uint32_t window = 0;
    bool used = true;
    if (!hf_bool(o, "use_sliding_window", &used, e) ||
        !hf_u32(o, "sliding_window", 0, UINT32_MAX, &window, e))
        return false;
    if (!used || window == 0 || window >= s->n_ctx || strcmp(c->family->arch, "phi3") == 0)
        return true;
    convert_notice(c,
                   N_("the model was made to look back %u tokens only, which the architecture %s "
                      "does not know: its context is limited to that"),
                   window, c->family->arch);
    s->n_ctx = window;
    return true;
}

static bool read_rotated(const struct conversion *c, const struct sizes *s, uint32_t *n_rot,
                         struct err *e)
{
    float part = 1;
    if (!hf_f32(c->hf.text, "partial_rotary_factor", &part, e))
        return false;
    *n_rot = (uint32_t)((float)s->d_head * part);
    return (part > 0 && part <= 1 && *n_rot % 2 == 0) ||
           fail(e, ERR_CORRUPT, "config.json: a head of %u cannot turn by %g of its width",
                s->d_head, (double)part);
}

static bool put_decoder(struct conversion *c, struct sizes *s, struct err *e)
{
    uint32_t n_rot;
    if (!read_rotated(c, s, &n_rot, e))
        return false;
    put_sizes(c, s);
    convert_put_u32(c, "attention.head_count_kv", s->n_head_kv);
    convert_put_u32(c, "attention.key_length", s->d_head);
    convert_put_u32(c, "attention.value_length", s->d_head);
    convert_put_f32(c, "attention.layer_norm_rms_epsilon", s->eps);
    convert_put_u32(c, "rope.dimension_count", n_rot);
    convert_put_u32(c, "vocab_size", c->n_vocab);
    return convert_rope(c, n_rot, s->n_ctx, e);
}

bool convert_keys_decoder(struct conversion *c, struct err *e)
{
    struct sizes s = {0};
    uint32_t window = 0;
    if (!read_sizes(c, "rms_norm_eps", &s, e) || !check_act(c, "hidden_act", "silu", e) ||
        !limit_window(c, &s, e) || !put_decoder(c, &s, e) ||
        !hf_u32(c->hf.text, "sliding_window", 0, UINT32_MAX, &window, e))
        return false;
    if (window && strcmp(c->family->arch, "phi3") == 0)
        convert_put_u32(c, "attention.sliding_window", window);
    return true;
}

/* --- Gemma 3 ---------------------------------------------------------------------------------- */

#define GEMMA3_PATTERN 6 /* what the architecture does where nothing is said */

/* "layer_types" names each layer, "sliding_window_pattern" says which one in so many is whole. */
static bool is_windowed(const struct conversion *c, uint32_t layer, uint32_t pattern)
{
    const json_t *types = json_object_get(c->hf.text, "layer_types");
    const char *type = json_string_value(json_array_get(types, layer));
    return type ? strcmp(type, "sliding_attention") == 0 : (layer + 1) % pattern != 0;
}

static bool put_pattern(struct conversion *c, uint32_t n_layer, struct err *e)
{
    uint32_t windowed[LIMIT_LAYERS], pattern = GEMMA3_PATTERN;
    char full[128];
    bool usual = true;
    if (!hf_u32(c->hf.text, "sliding_window_pattern", 1, LIMIT_LAYERS, &pattern, e))
        return false;
    for (uint32_t i = 0; i < n_layer; i++) {
        windowed[i] = is_windowed(c, i, pattern);
        usual = usual && windowed[i] == ((i + 1) % GEMMA3_PATTERN != 0);
    }
    if (!usual)
        gguf_write_array(&c->w, key_of(c, "attention.sliding_window_pattern", full), GGUF_U32,
                         windowed, n_layer);
    return true;
}

static bool put_query_scale(struct conversion *c, const struct sizes *s, struct err *e)
{
    float width = 256; /* where nothing is said */
    if (!hf_f32(c->hf.text, "query_pre_attn_scalar", &width, e))
        return false;
    if (!(width > 0))
        return fail(e, ERR_CORRUPT, "config.json: \"query_pre_attn_scalar\" is not above zero");
    if (width != (float)s->d_head)
        convert_put_f32(c, "attention.scale", 1 / sqrtf(width));
    return true;
}

bool convert_keys_gemma3(struct conversion *c, struct err *e)
{
    /* what the files of the models with pictures leave out */
    struct sizes s = {.n_ctx = 131072, .n_head = 8, .n_head_kv = 4, .d_head = 256, .eps = 1e-6f};
    uint32_t window = 4096;
    bool both_ways = false;
    float soft = 0;
    if (!read_sizes(c, "rms_norm_eps", &s, e) ||
        !check_act(c, "hidden_activation", "gelu_pytorch_tanh", e) ||
        !hf_bool(c->hf.text, "use_bidirectional_attention", &both_ways, e) ||
        !hf_u32(c->hf.text, "sliding_window", 1, UINT32_MAX, &window, e) ||
        !hf_f32(c->hf.text, "final_logit_softcapping", &soft, e))
        return false;
    if (both_ways)
        return fail(e, ERR_UNSUPPORTED,
                    "config.json: Gemma 3 with \"use_bidirectional_attention\" cannot be "
                    "converted");
    if (window)
        convert_put_u32(c, "attention.sliding_window", window);
    if (soft > 0)
        convert_put_f32(c, "final_logit_softcapping", soft);
    return put_pattern(c, s.n_layer, e) && put_query_scale(c, &s, e) && put_decoder(c, &s, e);
}

/* --- BERT ------------------------------------------------------------------------------------- */

static bool is_set(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key));
}

/* 1_Pooling/config.json of sentence-transformers; the mean where it is absent. A classifier makes
 * the model one that ranks. */
static bool read_pooling(const struct conversion *c, uint32_t *pooling, struct err *e)
{
    json_t *o;
    *pooling = POOLING_MEAN;
    if (safetensors_find(c->hf.weights, STR("classifier.weight"))) {
        *pooling = POOLING_RANK;
        return true;
    }
    if (!hf_read_json(&c->hf, "1_Pooling/config.json", &o, e))
        return false;
    bool mean = !o || is_set(o, "pooling_mode_mean_tokens");
    bool known = mean || is_set(o, "pooling_mode_cls_token") || is_set(o, "pooling_mode_lasttoken");
    if (!mean)
        *pooling = is_set(o, "pooling_mode_cls_token") ? POOLING_CLS : POOLING_LAST;
    json_decref(o);
    return known || fail(e, ERR_UNSUPPORTED,
                         "1_Pooling/config.json asks for a kind of pooling other than mean, first "
                         "and last token");
}

bool convert_keys_bert(struct conversion *c, struct err *e)
{
    struct sizes s = {0};
    uint32_t pooling, types = 2;
    const char *positions = hf_text(c->hf.text, "position_embedding_type");
    char full[128];
    if (positions && strcmp(positions, "absolute") != 0)
        return fail(e, ERR_UNSUPPORTED,
                    "config.json: \"position_embedding_type\" is \"%s\"; only \"absolute\" can be "
                    "converted",
                    positions);
    if (!read_sizes(c, "layer_norm_eps", &s, e) || !check_act(c, "hidden_act", "gelu", e) ||
        !hf_u32(c->hf.text, "type_vocab_size", 1, 1024, &types, e) || !read_pooling(c, &pooling, e))
        return false;
    put_sizes(c, &s);
    convert_put_f32(c, "attention.layer_norm_epsilon", s.eps);
    gguf_write_bool(&c->w, key_of(c, "attention.causal", full), false);
    convert_put_u32(c, "pooling_type", pooling);
    gguf_write_u32(&c->w, "tokenizer.ggml.token_type_count", types);
    return true;
}
