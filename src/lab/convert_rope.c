/* SPDX-License-Identifier: Apache-2.0 */
/* lab/convert_rope: rope_theta and rope_scaling (or rope_parameters) of config.json -> rope.* keys
 * and the tensors of factors that some models need.
 *
 * Sources: YaRN (Peng et al. 2023), LongRoPE (Ding et al. 2024), and the rule by which Llama 3.1
 * slows its low frequencies: those that turn less than once in `original / low` tokens by the
 * whole factor, those that turn more often than once in `original / high` not at all, linear in
 * the number of turns between. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "lab/convert_private.h"

static void put_text(struct conversion *c, const char *key, const char *v)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s", c->family->arch, key);
    gguf_write_str(&c->w, full, str_of(v));
}

static bool above_zero(const json_t *o, const char *key, float *v, struct err *e)
{
    return hf_required(o, key, e) && hf_f32(o, key, v, e) &&
           (*v > 0 || fail(e, ERR_CORRUPT, "config.json: \"%s\" is not above zero", key));
}

static bool original_context(const struct conversion *c, const json_t *o, uint32_t *n,
                             struct err *e)
{
    static const char key[] = "original_max_position_embeddings";
    return hf_u32(c->hf.text, key, 1, LIMIT_CONTEXT, n, e) &&
           hf_u32(o, key, 1, LIMIT_CONTEXT, n, e) &&
           (*n || fail(e, ERR_CORRUPT, "config.json has no \"%s\"", key));
}

static bool put_factor(struct conversion *c, const json_t *o, const char *type, struct err *e)
{
    float factor;
    if (!above_zero(o, "factor", &factor, e))
        return false;
    put_text(c, "rope.scaling.type", type);
    convert_put_f32(c, "rope.scaling.factor", factor);
    return true;
}

/* --- Llama 3.1 -------------------------------------------------------------------------------- */

static bool put_llama3(struct conversion *c, const json_t *o, float base, uint32_t n_rot,
                       struct err *e)
{
    float factor, low, high;
    uint32_t original = 0;
    float *v = arena_new(&c->arena, n_rot / 2, sizeof *v, e);
    if (!v || !above_zero(o, "factor", &factor, e) || !above_zero(o, "low_freq_factor", &low, e) ||
        !above_zero(o, "high_freq_factor", &high, e) || !original_context(c, o, &original, e))
        return false;
    if (!(high > low))
        return fail(e, ERR_CORRUPT,
                    "config.json: \"high_freq_factor\" is not above "
                    "\"low_freq_factor\"");
    for (uint32_t i = 0; i < n_rot / 2; i++) {
        double turn = 2 * acos(-1) * pow((double)base, 2.0 * i / n_rot); /* tokens to a turn */
        double smooth = (original / turn - (double)low) / ((double)high - (double)low);
        smooth = fmin(1, fmax(0, smooth));
        v[i] = (float)(1 / ((1 - smooth) / (double)factor + smooth));
    }
    return convert_plan_values(c, "rope_freqs.weight", v, n_rot / 2, e);
}

/* --- the others ------------------------------------------------------------------------------- */

static bool put_yarn(struct conversion *c, const json_t *o, struct err *e)
{
    uint32_t original = 0;
    float fast = 0, slow = 0;
    if (json_object_get(o, "mscale") || json_object_get(o, "attention_factor"))
        return fail(e, ERR_UNSUPPORTED,
                    "config.json: YaRN with \"mscale\" or \"attention_factor\" cannot be "
                    "converted");
    if (!put_factor(c, o, "yarn", e) || !original_context(c, o, &original, e) ||
        !hf_f32(o, "beta_fast", &fast, e) || !hf_f32(o, "beta_slow", &slow, e))
        return false;
    convert_put_u32(c, "rope.scaling.original_context_length", original);
    if (fast > 0)
        convert_put_f32(c, "rope.scaling.yarn_beta_fast", fast);
    if (slow > 0)
        convert_put_f32(c, "rope.scaling.yarn_beta_slow", slow);
    return true;
}

static bool put_factors(struct conversion *c, const json_t *o, const char *key, const char *name,
                        uint32_t n, struct err *e)
{
    const json_t *list = json_object_get(o, key);
    float *v = arena_new(&c->arena, n, sizeof *v, e);
    if (!v)
        return false;
    if (json_array_size(list) != n)
        return fail(e, ERR_CORRUPT, "config.json: \"%s\" is not a list of %u numbers", key, n);
    for (uint32_t i = 0; i < n; i++) {
        double x = json_number_value(json_array_get(list, i));
        if (!(x > 0 && x < 1e30))
            return fail(e, ERR_CORRUPT, "config.json: \"%s\" is not a list of %u numbers", key, n);
        v[i] = (float)x;
    }
    return convert_plan_values(c, name, v, n, e);
}

/* The longer the context, the more is added to what attention would otherwise lose in sharpness. */
static bool put_longrope(struct conversion *c, const json_t *o, uint32_t n_rot, uint32_t n_ctx,
                         struct err *e)
{
    uint32_t original = 0;
    if (!original_context(c, o, &original, e) ||
        !put_factors(c, o, "long_factor", "rope_factors_long.weight", n_rot / 2, e) ||
        !put_factors(c, o, "short_factor", "rope_factors_short.weight", n_rot / 2, e))
        return false;
    double longer = (double)n_ctx / original;
    float factor = longer > 1 ? (float)sqrt(1 + log(longer) / log(original)) : 1;
    if (!hf_f32(o, "attention_factor", &factor, e))
        return false;
    convert_put_u32(c, "rope.scaling.original_context_length", original);
    convert_put_f32(c, "rope.scaling.attn_factor", factor);
    return true;
}

static bool put_scaling(struct conversion *c, const json_t *o, const char *type, float base,
                        uint32_t n_rot, uint32_t n_ctx, struct err *e)
{
    if (strcmp(type, "default") == 0)
        return true;
    if (strcmp(type, "linear") == 0)
        return put_factor(c, o, "linear", e);
    if (strcmp(type, "yarn") == 0)
        return put_yarn(c, o, e);
    if (strcmp(type, "llama3") == 0)
        return put_llama3(c, o, base, n_rot, e);
    if (strcmp(type, "longrope") == 0 || strcmp(type, "su") == 0)
        return put_longrope(c, o, n_rot, n_ctx, e);
    return fail(e, ERR_UNSUPPORTED,
                "config.json: positions scaled by \"%s\" cannot be converted (linear, yarn, llama3 "
                "and longrope can)",
                type);
}

/* Newer files keep all of it in rope_parameters; Gemma 3 has one such object for each kind of
 * layer there, and a base of its own for windowed layers in either form. */
static const json_t *parameters(const struct conversion *c, const char *kind)
{
    const json_t *o = json_object_get(c->hf.text, "rope_parameters");
    const json_t *of = json_object_get(o, kind);
    return json_is_object(of) ? of : o;
}

bool convert_rope(struct conversion *c, uint32_t n_rot, uint32_t n_ctx, struct err *e)
{
    const json_t *p = parameters(c, "full_attention"), *local = parameters(c, "sliding_attention");
    const json_t *scaling = json_object_get(c->hf.text, "rope_scaling");
    bool gemma3 = strcmp(c->family->arch, "gemma3") == 0;
    float base = gemma3 ? 1e6f : 10000, base_local = 10000;
    if (!json_is_object(scaling))
        scaling = p;
    const char *type = hf_text(scaling, "rope_type");
    if (!type)
        type = hf_text(scaling, "type");
    if (!hf_f32(c->hf.text, "rope_theta", &base, e) || !hf_f32(p, "rope_theta", &base, e) ||
        !hf_f32(c->hf.text, "rope_local_base_freq", &base_local, e) ||
        (local != p && !hf_f32(local, "rope_theta", &base_local, e)))
        return false;
    if (!(base > 1 && base_local > 1))
        return fail(e, ERR_CORRUPT, "config.json: the base of the rotary positions is not above 1");
    convert_put_f32(c, "rope.freq_base", base);
    if (gemma3)
        convert_put_f32(c, "rope.freq_base_swa", base_local);
    return put_scaling(c, scaling, type ? type : "default", base, n_rot, n_ctx, e);
}
