/* SPDX-License-Identifier: Apache-2.0 */
/* lab/hf: see hf.h. */
#include "lab/hf.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

static bool path_of(const struct hf *m, const char *file, char *path, size_t cap, struct err *e)
{
    return snprintf(path, cap, "%s/%s", m->folder, file) < (int)cap ||
           fail(e, ERR_USAGE, "%s: the path is too long", m->folder);
}

bool hf_read_text(const struct hf *m, const char *file, uint64_t max, struct buf *out, bool *there,
                  struct err *e)
{
    char path[4096];
    if (!path_of(m, file, path, sizeof path, e))
        return false;
    buf_init(out, (size_t)max);
    *there = access(path, F_OK) == 0;
    return !*there || buf_read_file(out, path, e);
}

static bool read_json(const struct hf *m, const char *file,
                      json_t *read(const char *path, size_t max, struct err *e), json_t **out,
                      struct err *e)
{
    char path[4096];
    *out = NULL;
    if (!path_of(m, file, path, sizeof path, e))
        return false;
    if (access(path, F_OK) != 0)
        return true;
    *out = read(path, LIMIT_JSON_BYTES, e);
    return *out != NULL;
}

bool hf_read_json(const struct hf *m, const char *file, json_t **out, struct err *e)
{
    return read_json(m, file, json_read_file, out, e);
}

/* Its model_max_length is 10^30 where nobody knows. */
static bool read_tokenizer_config(struct hf *m, struct err *e)
{
    return read_json(m, "tokenizer_config.json", json_read_file_reals, &m->tokenizer_config, e);
}

bool hf_open(struct hf *m, const char *folder, struct err *e)
{
    *m = (struct hf){.folder = folder};
    bool ok = hf_read_json(m, "config.json", &m->config, e) &&
              (json_is_object(m->config) ||
               fail(e, m->config ? ERR_CORRUPT : ERR_NOT_FOUND,
                    "%s has no config.json with a JSON object; name the folder of a model in the "
                    "form that Hugging Face tools save",
                    folder)) &&
              hf_read_json(m, "tokenizer.json", &m->tokenizer, e) && read_tokenizer_config(m, e) &&
              hf_read_json(m, "generation_config.json", &m->generation, e) &&
              (m->weights = safetensors_open(folder, e));
    if (!ok) {
        hf_close(m);
        return false;
    }
    const json_t *text = json_object_get(m->config, "text_config");
    m->text = json_is_object(text) ? text : m->config;
    return true;
}

void hf_forget_tokenizer(struct hf *m)
{
    json_decref(m->tokenizer);
    m->tokenizer = NULL;
}

void hf_close(struct hf *m)
{
    json_decref(m->config);
    hf_forget_tokenizer(m);
    json_decref(m->tokenizer_config);
    json_decref(m->generation);
    safetensors_close(m->weights);
    *m = (struct hf){0};
}

/* --- values ----------------------------------------------------------------------------------- */

static const json_t *value_of(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_null(v) ? NULL : v;
}

bool hf_u32(const json_t *o, const char *key, uint32_t lo, uint32_t hi, uint32_t *out,
            struct err *e)
{
    const json_t *v = value_of(o, key);
    if (!v)
        return true;
    json_int_t i = json_is_integer(v) ? json_integer_value(v) : -1;
    if (i < (json_int_t)lo || i > (json_int_t)hi)
        return fail(e, ERR_CORRUPT, "config.json: \"%s\" is not a whole number from %u to %u", key,
                    lo, hi);
    *out = (uint32_t)i;
    return true;
}

bool hf_f32(const json_t *o, const char *key, float *out, struct err *e)
{
    const json_t *v = value_of(o, key);
    if (!v)
        return true;
    double d = json_is_number(v) ? json_number_value(v) : 1e300;
    if (!(d > -1e38 && d < 1e38))
        return fail(e, ERR_CORRUPT, "config.json: \"%s\" is not a number that fits F32", key);
    *out = (float)d;
    return true;
}

bool hf_bool(const json_t *o, const char *key, bool *out, struct err *e)
{
    const json_t *v = value_of(o, key);
    if (v && !json_is_boolean(v))
        return fail(e, ERR_CORRUPT, "config.json: \"%s\" is neither true nor false", key);
    if (v)
        *out = json_is_true(v);
    return true;
}

const char *hf_text(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

bool hf_required(const json_t *o, const char *key, struct err *e)
{
    return value_of(o, key) || fail(e, ERR_CORRUPT, "config.json has no \"%s\"", key);
}
