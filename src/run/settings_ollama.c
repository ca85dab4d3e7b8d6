/* SPDX-License-Identifier: Apache-2.0 */
/* run/settings_ollama: see settings_ollama.h. Source: the Modelfile reference of Ollama. */
#include "run/settings_ollama.h"

#include <math.h>
#include <string.h>

#include "base/near.h"
#include "run/settings.h"

static const struct {
    const char *theirs, *ours; /* ours NULL: of the machine */
} names[] = {
    {"num_ctx", "context_window"},
    {"num_predict", "max_tokens"},
    {"num_keep", "keep"},
    {"stop", "stop_sequences"},
    {"num_gpu", NULL},
    {"num_thread", NULL},
    {"num_batch", NULL},
    {"num_gqa", NULL},
    {"main_gpu", NULL},
    {"low_vram", NULL},
    {"f16_kv", NULL},
    {"numa", NULL},
    {"use_mmap", NULL},
    {"use_mlock", NULL},
    {"vocab_only", NULL},
    {"logits_all", NULL},
    {"penalize_newline", NULL},
    {"tfs_z", NULL}, /* a sampler that Ollama itself has dropped */
};
enum { N_NAMES = sizeof names / sizeof *names };

bool settings_ollama_has(struct str name)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (str_is(name, names[i].theirs))
            return true;
    return false;
}

/* "0.7" -> 0.7, "true" -> true; any other text stays one. */
static json_t *value_of(const json_t *v)
{
    struct str s = {json_string_value(v), json_string_length(v)};
    uint64_t whole;
    double number;
    if (!json_is_string(v))
        return json_incref((json_t *)(uintptr_t)v);
    if (str_is(s, "true") || str_is(s, "false"))
        return json_boolean(str_is(s, "true"));
    if (str_to_u64(s, &whole) && whole <= INT64_MAX)
        return json_integer((json_int_t)whole);
    if (!str_to_f64(s, &number))
        return json_incref((json_t *)(uintptr_t)v);
    bool is_whole = number == floor(number) && fabs(number) < 1e15;
    return is_whole ? json_integer((json_int_t)number) : json_real(number);
}

static bool unknown(const char *key, struct err *e)
{
    struct near n;
    near_init(&n, str_of(key));
    for (size_t i = 0; i < N_NAMES; i++)
        near_offer(&n, names[i].theirs);
    for (uint32_t i = 0; i < settings_count; i++)
        near_offer(&n, settings_table[i].key);
    const char *best = near_best(&n);
    return best
               ? fail(e, ERR_USAGE, "there is no parameter \"%s\"; did you mean \"%s\"?", key, best)
               : fail(e, ERR_USAGE, "there is no parameter \"%s\"", key);
}

/* -1 and -2 of num_predict: no limit but the context, as without it. */
static bool is_no_limit(const char *key, const json_t *v)
{
    return strcmp(key, "num_predict") == 0 && json_is_integer(v) && json_integer_value(v) < 0;
}

static bool take(const char *key, const json_t *v, json_t *settings, json_t *ignored, struct err *e)
{
    const char *ours = key;
    for (size_t i = 0; i < N_NAMES; i++)
        if (strcmp(names[i].theirs, key) == 0)
            ours = names[i].ours;
    if (!ours)
        return json_array_append_new(ignored, json_string(key)) == 0 ||
               fail(e, ERR_LIMIT, "not enough memory");
    const struct setting *def = settings_find(str_of(ours));
    if (!def)
        return unknown(key, e);
    json_t *value =
        def->kind == SETTING_STRINGS ? json_incref((json_t *)(uintptr_t)v) : value_of(v);
    if (is_no_limit(key, value)) {
        json_decref(value);
        return true;
    }
    return json_object_set_new(settings, def->key, value) == 0 ||
           fail(e, ERR_LIMIT, "not enough memory");
}

bool settings_from_ollama(const json_t *options, json_t *settings, json_t *ignored, struct err *e)
{
    const char *key;
    json_t *value;
    struct settings check;
    json_object_foreach((json_t *)(uintptr_t)options, key,
                        value) if (!take(key, value, settings, ignored, e)) return false;
    settings_init(&check);
    bool ok = settings_from_json(&check, settings, "PARAMETER", e);
    settings_clear(&check);
    return ok;
}
