/* SPDX-License-Identifier: Apache-2.0 */
/* lab/convert: see convert.h. */
#include "lab/convert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "lab/convert_private.h"

void convert_notice(struct conversion *c, const char *fmt, ...)
{
    if (c->r->n_notices == CONVERT_NOTICES)
        return;
    struct err *n = &c->r->notices[c->r->n_notices++];
    va_list args;
    va_start(args, fmt);
    vsnprintf(n->msg, sizeof n->msg, err_text(fmt), args);
    va_end(args);
    n->code = ERR_NONE;
    str_make_printable(n->msg);
}

/* The last part of the path, without slashes behind it. */
static struct str folder_name(const char *folder)
{
    struct str s = str_of(folder);
    while (s.n > 1 && s.p[s.n - 1] == '/')
        s.n--;
    for (size_t i = s.n; i > 0; i--)
        if (s.p[i - 1] == '/')
            return s.n > i ? str_from(s, i) : s;
    return s;
}

/* general.file_type: what most weights are. */
static uint32_t file_type(const struct conversion *c)
{
    static const uint32_t of[DTYPE_COUNT] = {[DTYPE_F32] = 0, [DTYPE_F16] = 1, [DTYPE_BF16] = 32};
    uint64_t most = 0;
    enum dtype type = DTYPE_F32;
    if (!c->o->as_stored)
        return of[c->o->type];
    for (uint64_t i = 0; i < c->hf.weights->n; i++) {
        const struct safetensor *t = &c->hf.weights->tensors[i];
        if (t->n_values > most) {
            most = t->n_values;
            type = t->type == SAFETENSOR_F16    ? DTYPE_F16
                   : t->type == SAFETENSOR_BF16 ? DTYPE_BF16
                                                : DTYPE_F32;
        }
    }
    return of[type];
}

static void put_general(struct conversion *c)
{
    gguf_write_str(&c->w, "general.architecture", str_of(c->family->arch));
    gguf_write_str(&c->w, "general.type", STR("model"));
    gguf_write_str(&c->w, "general.name",
                   c->o->name ? str_of(c->o->name) : folder_name(c->o->folder));
    gguf_write_u32(&c->w, "general.file_type", file_type(c));
}

/* The rows of the embedding: config.json may say another number than there are. */
static bool find_vocab(struct conversion *c, struct err *e)
{
    static const struct str ends[] = {STR("embed_tokens.weight"), STR("word_embeddings.weight")};
    for (uint64_t i = 0; i < c->hf.weights->n; i++) {
        const struct safetensor *t = &c->hf.weights->tensors[i];
        if (!str_ends(t->name, ends[0]) && !str_ends(t->name, ends[1]))
            continue;
        if (t->n_dim != 2 || t->shape[0] > LIMIT_VOCAB)
            return fail(e, ERR_CORRUPT, "tensor %s is not a table of at most %u tokens", t->name.p,
                        LIMIT_VOCAB);
        c->n_vocab = (uint32_t)t->shape[0];
        return true;
    }
    return fail(e, ERR_CORRUPT, "%s has no embedding of tokens", c->o->folder);
}

static bool check_tensors(const struct conversion *c, struct err *e)
{
    return c->n_plan <= LIMIT_GGUF_TENSORS ||
           fail(e, ERR_LIMIT, "%s: more than %u tensors", c->o->folder, LIMIT_GGUF_TENSORS);
}

static bool convert(struct conversion *c, struct err *e)
{
    c->values = mem_new(CONVERT_VALUES, sizeof *c->values, e);
    c->encoded = c->values ? mem_new(CONVERT_VALUES, sizeof(float), e) : NULL;
    if (!c->encoded || !hf_open(&c->hf, c->o->folder, e) ||
        !(c->family = convert_family_find(&c->hf, e)) || !find_vocab(c, e))
        return false;
    put_general(c);
    if (!c->family->keys(c, e) || !convert_vocab(c, e) || !convert_plan(c, e) ||
        !check_tensors(c, e))
        return false;
    hf_forget_tokenizer(&c->hf);
    if (!gguf_write_made(&c->w, c->o->out, convert_make, c, e))
        return false;
    c->r->architecture = c->family->arch;
    c->r->n_tensors = c->n_plan;
    c->r->n_bytes = gguf_write_size(&c->w);
    return true;
}

bool convert_model(const struct convert_options *o, struct convert_result *r, struct err *e)
{
    struct conversion c = {.o = o, .r = r};
    *r = (struct convert_result){0};
    gguf_write_init(&c.w, 32);
    bool ok = convert(&c, e);
    gguf_write_clear(&c.w);
    hf_close(&c.hf);
    mem_free(c.plan);
    mem_free(c.values);
    mem_free(c.encoded);
    arena_clear(&c.arena);
    return ok;
}
