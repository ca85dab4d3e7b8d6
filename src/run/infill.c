/* SPDX-License-Identifier: Apache-2.0 */
/* run/infill: see infill.h. */
#include "run/infill.h"

#include "base/limits.h"

/* A prompt in the making. */
struct making {
    const struct vocab *v;
    struct tokens *out;
    struct buf text; /* of a file, until it ends */
    struct err *e;
};

bool infill_can(const struct vocab *v)
{
    return v->fim_pre != TOKEN_NONE && v->fim_suf != TOKEN_NONE && v->fim_mid != TOKEN_NONE;
}

static bool add_text(struct making *m, struct str text)
{
    return tokenize(m->v, text, false, false, m->out, m->e);
}

static bool add_token(struct making *m, uint32_t id)
{
    return tokens_push(m->out, id, m->e);
}

static struct str text_at(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return (struct str){json_string_value(v), json_string_length(v)};
}

static void begin_file(struct making *m, struct str name)
{
    buf_str(&m->text, name);
    buf_cstr(&m->text, name.n ? "\n" : "");
}

/* Where the model has a token that files begin with, each is by itself; else all are one text. */
static bool end_file(struct making *m, bool last)
{
    bool known = m->v->fim_sep != TOKEN_NONE;
    if (!known && !last) {
        buf_cstr(&m->text, "\n\n");
        return true;
    }
    bool ok = buf_ok(&m->text, "files", m->e) && (!known || add_token(m, m->v->fim_sep)) &&
              add_text(m, buf_view(&m->text));
    buf_reset(&m->text);
    return ok;
}

/* As Qwen2.5-Coder was trained: the repository, then files, each with its name on a line; the last
 * is the one with the hole. */
static bool add_files(struct making *m, const struct infill *in)
{
    size_t n = json_array_size(in->files);
    if (n == 0)
        return true;
    if (m->v->fim_rep != TOKEN_NONE && m->v->fim_sep != TOKEN_NONE &&
        !(add_token(m, m->v->fim_rep) && add_text(m, in->repository)))
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(in->files, i);
        begin_file(m, text_at(one, "name"));
        buf_str(&m->text, text_at(one, "text"));
        if (!end_file(m, false))
            return false;
    }
    begin_file(m, in->name);
    return end_file(m, true);
}

bool infill_prompt(const struct vocab *v, const struct infill *in, struct tokens *out,
                   struct err *e)
{
    struct making m = {.v = v, .out = out, .e = e};
    buf_init(&m.text, LIMIT_JSON_BYTES);
    bool bos = v->add_bos && v->bos != TOKEN_NONE;
    bool ok = (!bos || add_token(&m, v->bos)) && add_files(&m, in) && add_token(&m, v->fim_pre) &&
              add_text(&m, in->before) && add_token(&m, v->fim_suf) && add_text(&m, in->behind) &&
              add_token(&m, v->fim_mid);
    buf_clear(&m.text);
    return ok;
}
