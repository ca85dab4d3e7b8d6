/* SPDX-License-Identifier: Apache-2.0 */
/* run/settings: reading values and objects of them, with one check of type and range. */
#include "run/settings.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/near.h"
#include "run/settings_private.h"

static void *field(struct settings *s, const struct setting *def)
{
    return (char *)s + def->offset;
}

static void clear_strings(struct settings_strings *list)
{
    if (list->v != setting_default_breakers) {
        for (uint32_t i = 0; i < list->n; i++)
            mem_free(list->v[i]);
        mem_free(list->v);
    }
    *list = (struct settings_strings){0};
}

void settings_clear(struct settings *s)
{
    clear_strings(&s->stop_sequences);
    clear_strings(&s->dry_sequence_breakers);
    mem_free(s->logit_bias);
    *s = (struct settings){0};
}

static bool copy_strings(struct settings_strings *to, const struct settings_strings *from,
                         struct err *e)
{
    *to = (struct settings_strings){.set = from->set};
    to->v = mem_new(LIMIT_STOP_SEQUENCES, sizeof *to->v, e);
    for (uint32_t i = 0; to->v && i < from->n; i++) {
        struct str text = str_of(from->v[i]);
        if (!(to->v[i] = mem_new(text.n + 1, 1, e)))
            return false;
        memcpy(to->v[i], text.p, text.n);
        to->n = i + 1;
    }
    return to->v != NULL;
}

bool settings_copy(struct settings *to, const struct settings *from, struct err *e)
{
    *to = *from;
    to->stop_sequences = to->dry_sequence_breakers = (struct settings_strings){0};
    to->logit_bias = mem_new(from->n_logit_bias, sizeof *to->logit_bias, e);
    if (!to->logit_bias)
        return false;
    if (from->n_logit_bias)
        memcpy(to->logit_bias, from->logit_bias, from->n_logit_bias * sizeof *to->logit_bias);
    return copy_strings(&to->stop_sequences, &from->stop_sequences, e) &&
           copy_strings(&to->dry_sequence_breakers, &from->dry_sequence_breakers, e);
}

/* --- one value ----------------------------------------------------------------------------- */

/* The value as the user wrote it, short enough for a message. */
static const char *spell(const json_t *value, char out[64])
{
    struct buf text;
    buf_init(&text, LIMIT_JSON_BYTES);
    if (!json_write(value, JSON_COMPACT | JSON_REAL_PRECISION(9), &text, NULL))
        buf_reset(&text);
    size_t n = text.n < 40 ? text.n : str_utf8_floor(buf_c(&text), 40);
    memcpy(out, buf_c(&text), n);
    memcpy(out + n, n < text.n ? "..." : "", n < text.n ? 4 : 1);
    buf_clear(&text);
    return out;
}

static bool set_integer(struct settings *s, const struct setting *def, const json_t *value,
                        struct err *e)
{
    char got[64];
    json_int_t v = json_integer_value(value);
    if (!json_is_integer(value) || (double)v < def->min || (double)v > def->max)
        return fail(e, ERR_USAGE, "%s: expected a whole number from %.0f to %.0f, not %s", def->key,
                    def->min, def->max, spell(value, got));
    if (def->offset == offsetof(struct settings, mirostat) && v == 1)
        return fail(e, ERR_UNSUPPORTED, "mirostat: version 1 is not built in; use 2, or 0 for off");
    if (def->kind == SETTING_U64) {
        *(uint64_t *)field(s, def) = (uint64_t)v;
        s->seed_set = true;
    } else {
        *(uint32_t *)field(s, def) = (uint32_t)v; /* -1 becomes UINT32_MAX: no bound */
    }
    return true;
}

static bool set_real(struct settings *s, const struct setting *def, const json_t *value,
                     struct err *e)
{
    char got[64];
    double v = json_number_value(value);
    if (!json_is_number(value) || !(v >= def->min && v <= def->max))
        return fail(e, ERR_USAGE, "%s: expected a number from %g to %g, not %s", def->key, def->min,
                    def->max, spell(value, got));
    *(float *)field(s, def) = (float)v;
    return true;
}

static bool set_flag(struct settings *s, const struct setting *def, const json_t *value,
                     struct err *e)
{
    char got[64];
    if (!json_is_boolean(value))
        return fail(e, ERR_USAGE, "%s: expected true or false, not %s", def->key,
                    spell(value, got));
    *(bool *)field(s, def) = json_is_true(value);
    return true;
}

static bool set_choice(struct settings *s, const struct setting *def, const json_t *value,
                       struct err *e)
{
    char got[64];
    struct buf names;
    buf_init(&names, 256);
    for (uint32_t i = 0; def->choices[i]; i++) {
        if (json_is_string(value) && strcmp(json_string_value(value), def->choices[i]) == 0) {
            *(uint32_t *)field(s, def) = i + 1;
            buf_clear(&names);
            return true;
        }
        buf_fmt(&names, "%s%s", i ? ", " : "", def->choices[i]);
    }
    (void)fail(e, ERR_USAGE, "%s: expected one of %s, not %s", def->key, buf_c(&names),
               spell(value, got));
    buf_clear(&names);
    return false;
}

/* Appends a copy; the list is cleared first when it holds the default. */
static bool add_string(struct settings_strings *list, const char *key, const json_t *value,
                       struct err *e)
{
    struct str text = {json_string_value(value), json_string_length(value)};
    char got[64];
    if (!json_is_string(value))
        return fail(e, ERR_USAGE, "%s: expected a list of texts, not one with %s", key,
                    spell(value, got));
    if (text.n == 0 || text.n > LIMIT_STOP_BYTES)
        return fail(e, ERR_USAGE, "%s: a text must have 1 to %u bytes, not %zu", key,
                    LIMIT_STOP_BYTES, text.n);
    if (list->n == LIMIT_STOP_SEQUENCES)
        return fail(e, ERR_LIMIT, "%s: %u texts are the most", key, LIMIT_STOP_SEQUENCES);
    char *copy = mem_new(text.n + 1, 1, e);
    if (!copy)
        return false;
    memcpy(copy, text.p, text.n);
    list->v[list->n++] = copy;
    return true;
}

static bool add_strings(struct settings_strings *list, const char *key, const json_t *value,
                        struct err *e)
{
    if (json_is_string(value))
        return add_string(list, key, value, e);
    char got[64];
    if (!json_is_array(value))
        return fail(e, ERR_USAGE, "%s: expected a list of texts, not %s", key, spell(value, got));
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!add_string(list, key, json_array_get(value, i), e))
            return false;
    return true;
}

/* `append`: to what the user gave before; otherwise the value replaces the list. */
static bool set_strings(struct settings *s, const struct setting *def, const json_t *value,
                        bool append, struct err *e)
{
    struct settings_strings *old = field(s, def), list = {.set = true};
    list.v = mem_new(LIMIT_STOP_SEQUENCES, sizeof *list.v, e);
    bool ok = list.v != NULL;
    for (uint32_t i = 0; ok && append && old->set && i < old->n; i++) {
        json_t *text = json_string(old->v[i]);
        ok = add_string(&list, def->key, text, e);
        json_decref(text);
    }
    ok = ok && add_strings(&list, def->key, value, e);
    clear_strings(ok ? old : &list);
    if (ok)
        *old = list;
    return ok;
}

static bool find_stage(struct str name, enum sample_stage *stage, struct err *e)
{
    struct near near;
    near_init(&near, name);
    for (uint32_t i = 0; i < setting_stage_count; i++) {
        if (str_is(name, setting_stages[i].name)) {
            *stage = setting_stages[i].stage;
            return true;
        }
        near_offer(&near, setting_stages[i].name);
    }
    const char *best = near_best(&near);
    if (best)
        return fail(e, ERR_USAGE, "samplers: unknown sampler \"%.*s\"; did you mean \"%s\"?",
                    STR_ARG(name), best);
    return fail(e, ERR_USAGE,
                "samplers: unknown sampler \"%.*s\"; known are penalties, dry, top_k, typical_p, "
                "top_p, min_p, xtc, temperature",
                STR_ARG(name));
}

const char *settings_stage_name(enum sample_stage stage)
{
    for (uint32_t i = 0; i < setting_stage_count; i++)
        if (setting_stages[i].stage == stage)
            return setting_stages[i].name;
    return "";
}

static bool set_order(struct settings *s, const json_t *value, struct err *e)
{
    enum sample_stage order[SAMPLE_STAGE_COUNT] = {SAMPLE_END};
    char got[64];
    if (!json_is_array(value))
        return fail(e, ERR_USAGE, "samplers: expected a list of sampler names, not %s",
                    spell(value, got));
    uint32_t seen = 0, n = 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        struct str name = {json_string_value(item), json_string_length(item)};
        enum sample_stage stage = SAMPLE_END;
        if (!json_is_string(item))
            return fail(e, ERR_USAGE, "samplers: expected a list of sampler names, not one with %s",
                        spell(item, got));
        if (!find_stage(name, &stage, e))
            return false;
        if (seen >> stage & 1)
            return fail(e, ERR_USAGE, "samplers: \"%.*s\" is named twice", STR_ARG(name));
        seen |= 1u << stage;
        order[n++] = stage;
    }
    memcpy(s->samplers, order, sizeof order);
    return true;
}

/* Appends, or changes the bias of a token that has one. list has room for LIMIT_LOGIT_BIAS. */
static bool put_bias(struct sample_bias *list, uint32_t *n, uint32_t token, float bias,
                     struct err *e)
{
    uint32_t at = 0;
    while (at < *n && list[at].token != token)
        at++;
    if (at == LIMIT_LOGIT_BIAS)
        return fail(e, ERR_LIMIT, "logit_bias: %u tokens are the most", LIMIT_LOGIT_BIAS);
    list[at] = (struct sample_bias){token, bias};
    *n += at == *n;
    return true;
}

static bool read_bias(const struct setting *def, const char *key, const json_t *value,
                      struct sample_bias *out, struct err *e)
{
    char got[64];
    uint64_t token;
    double v = json_is_false(value) ? -INFINITY : json_number_value(value);
    if (!str_to_u64(str_of(key), &token) || token >= LIMIT_VOCAB)
        return fail(e, ERR_USAGE,
                    "logit_bias: \"%s\" is not a token id; moat tokenize shows the ids of a text",
                    key);
    if (!json_is_false(value) && (!json_is_number(value) || v < def->min || v > def->max))
        return fail(e, ERR_USAGE,
                    "logit_bias: token %s: expected a number from %g to %g or false, not %s", key,
                    def->min, def->max, spell(value, got));
    *out = (struct sample_bias){(uint32_t)token, (float)v};
    return true;
}

static bool set_bias(struct settings *s, const struct setting *def, const json_t *value,
                     bool append, struct err *e)
{
    char got[64];
    if (!json_is_object(value))
        return fail(e, ERR_USAGE, "logit_bias: expected an object of token ids and biases, not %s",
                    spell(value, got));
    struct sample_bias *list = mem_new(LIMIT_LOGIT_BIAS, sizeof *list, e);
    uint32_t n = append ? s->n_logit_bias : 0;
    bool ok = list != NULL;
    if (ok && n)
        memcpy(list, s->logit_bias, n * sizeof *list);
    void *at = json_object_iter((json_t *)(uintptr_t)value);
    for (; ok && at; at = json_object_iter_next((json_t *)(uintptr_t)value, at)) {
        struct sample_bias b = {0};
        ok = read_bias(def, json_object_iter_key(at), json_object_iter_value(at), &b, e) &&
             put_bias(list, &n, b.token, b.bias, e);
    }
    if (!ok) {
        mem_free(list);
        return false;
    }
    mem_free(s->logit_bias);
    s->logit_bias = list;
    s->n_logit_bias = n;
    return true;
}

bool setting_set_value(struct settings *s, const struct setting *def, const json_t *value,
                       bool append, struct err *e)
{
    switch (def->kind) {
    case SETTING_U32:
    case SETTING_U64:
        return set_integer(s, def, value, e);
    case SETTING_F32:
        return set_real(s, def, value, e);
    case SETTING_FLAG:
        return set_flag(s, def, value, e);
    case SETTING_CHOICE:
        return set_choice(s, def, value, e);
    case SETTING_STRINGS:
        return set_strings(s, def, value, append, e);
    case SETTING_ORDER:
        return set_order(s, value, e);
    case SETTING_BIAS:
        return set_bias(s, def, value, append, e);
    }
    return false;
}

bool settings_set_json(struct settings *s, const struct setting *def, const json_t *value,
                       struct err *e)
{
    return setting_set_value(s, def, value, false, e);
}

/* --- whole objects ------------------------------------------------------------------------- */

const struct setting *settings_find(struct str key)
{
    for (uint32_t i = 0; i < settings_count; i++) {
        const char *name = settings_table[i].key;
        bool same = key.n == strlen(name);
        for (size_t j = 0; same && j < key.n; j++)
            same = key.p[j] == name[j] || (key.p[j] == '-' && name[j] == '_');
        if (same)
            return &settings_table[i];
    }
    return NULL;
}

static bool unknown_key(struct str key, struct err *e)
{
    struct near near;
    near_init(&near, key);
    for (uint32_t i = 0; i < settings_count; i++)
        near_offer(&near, settings_table[i].key);
    const char *best = near_best(&near);
    if (best)
        return fail(e, ERR_USAGE, "unknown key \"%.*s\"; did you mean \"%s\"?", STR_ARG(key), best);
    return fail(e, ERR_USAGE, "unknown key \"%.*s\"; moat help run lists the settings",
                STR_ARG(key));
}

bool settings_from_json(struct settings *s, const json_t *object, const char *where, struct err *e)
{
    if (!json_is_object(object))
        return fail(e, ERR_USAGE, "%s: expected a JSON object of settings", where);
    void *at = json_object_iter((json_t *)(uintptr_t)object);
    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        struct str key = {json_object_iter_key(at), json_object_iter_key_len(at)};
        const struct setting *def = settings_find(key);
        if (!def)
            return unknown_key(key, e) || err_at(e, "%s", where);
        if (!setting_set_value(s, def, json_object_iter_value(at), false, e))
            return err_at(e, "%s", where);
    }
    return true;
}

bool settings_load(struct settings *s, const char *path, struct err *e)
{
    json_t *object = json_read_file(path, LIMIT_CONFIG_BYTES, e);
    bool ok = object && settings_from_json(s, object, path, e);
    json_decref(object);
    return ok;
}

void settings_sample_params(const struct settings *s, struct sample_params *p)
{
    *p = (struct sample_params){
        .temperature = s->temperature,
        .top_k = s->top_k,
        .top_p = s->top_p,
        .min_p = s->min_p,
        .typical_p = s->typical_p,
        .xtc_probability = s->xtc_probability,
        .xtc_threshold = s->xtc_threshold,
        .repeat_penalty = s->repeat_penalty,
        .presence_penalty = s->presence_penalty,
        .frequency_penalty = s->frequency_penalty,
        .repeat_last_n = s->repeat_last_n,
        .dry_multiplier = s->dry_multiplier,
        .dry_base = s->dry_base,
        .dry_allowed_length = s->dry_allowed_length,
        .dry_last_n = s->dry_penalty_last_n,
        .mirostat = s->mirostat,
        .mirostat_tau = s->mirostat_tau,
        .mirostat_eta = s->mirostat_eta,
        .seed = s->seed,
        .bias = s->logit_bias,
        .n_bias = s->n_logit_bias,
    };
    memcpy(p->order, s->samplers, sizeof p->order);
}
