/* SPDX-License-Identifier: Apache-2.0 */
/* lab/convert_vocab: which reader a tokenizer needs, and what is written of it: tokens, the ids of
 * special ones, what is added to a text, the chat template. */
#include "lab/convert_vocab.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

bool vocab_draft_put(struct vocab_draft *d, uint64_t id, struct str text, enum token_type type,
                     float score, struct err *e)
{
    if (id >= LIMIT_VOCAB || text.n > LIMIT_TOKEN_BYTES)
        return fail(e, ERR_LIMIT, "token %llu is beyond %u tokens or longer than %u bytes",
                    (unsigned long long)id, LIMIT_VOCAB, LIMIT_TOKEN_BYTES);
    if (id >= d->n) {
        d->n_beyond++;
        return true;
    }
    if (d->text[id].p && !str_eq(d->text[id], text))
        return fail(e, ERR_CORRUPT, "two tokens have the id %llu: %.*s and %.*s",
                    (unsigned long long)id, STR_ARG(d->text[id]), STR_ARG(text));
    d->text[id] = text;
    d->type[id] = type;
    d->score[id] = score;
    return map_put(&d->by_text, text, (uint32_t)id, e);
}

/* --- what is added to the model's own tokens -------------------------------------------------- */

/* Special ones are control tokens; the others stand for their text wherever it comes. */
static bool put_added(struct vocab_draft *d, const json_t *id, const json_t *token, struct err *e)
{
    const char *text = hf_text(token, "content");
    bool special = json_is_true(json_object_get(token, "special"));
    if (!text || !json_is_integer(id) || json_integer_value(id) < 0)
        return fail(e, ERR_CORRUPT, "an added token of the tokenizer has no id or no content");
    uint64_t at = (uint64_t)json_integer_value(id);
    if (at < d->n && d->text[at].p) { /* a sentencepiece file may spell it otherwise */
        if (d->type[at] == TOKEN_UNKNOWN)
            return true;
        d->text[at].p = NULL;
    }
    return vocab_draft_put(d, at, str_of(text), special ? TOKEN_CONTROL : TOKEN_USER, -1000, e);
}

static bool put_all_added(struct vocab_draft *d, struct err *e)
{
    const json_t *list = json_object_get(d->c->hf.tokenizer, "added_tokens");
    const json_t *by_id = json_object_get(d->c->hf.tokenizer_config, "added_tokens_decoder");
    const char *key;
    json_t *v;
    size_t i;
    json_array_foreach((json_t *)list, i, v)
    {
        if (!put_added(d, json_object_get(v, "id"), v, e))
            return false;
    }
    if (list)
        return true;
    json_object_foreach((json_t *)by_id, key, v)
    {
        uint64_t id;
        json_t *number = str_to_u64(str_of(key), &id) ? json_integer((json_int_t)id) : NULL;
        bool ok = put_added(d, number, v, e);
        json_decref(number);
        if (!ok)
            return false;
    }
    return true;
}

static bool fill_holes(struct vocab_draft *d, struct err *e)
{
    for (uint32_t i = 0; i < d->n; i++) {
        char name[24];
        int n = snprintf(name, sizeof name, "[PAD%u]", i);
        if (d->text[i].p)
            continue;
        d->text[i] =
            (struct str){arena_copy(&d->c->arena, (struct str){name, (size_t)n}, e), (size_t)n};
        d->type[i] = TOKEN_UNUSED;
        d->score[i] = -1000;
        if (!d->text[i].p)
            return false;
    }
    return true;
}

/* --- special ids ------------------------------------------------------------------------------ */

/* "</s>", or an object with "content". */
static const char *token_text(const json_t *v)
{
    return json_is_object(v) ? hf_text(v, "content") : json_string_value(v);
}

static bool id_of_text(const struct vocab_draft *d, const json_t *of, const char *role,
                       uint32_t *id)
{
    const char *text = token_text(json_object_get(of, role));
    return text && map_get(&d->by_text, str_of(text), id);
}

/* bos_token_id of generation_config.json or config.json: a number, or the first of a list. */
static bool id_of_number(const struct vocab_draft *d, const json_t *of, const char *role,
                         uint32_t *id)
{
    char key[32];
    snprintf(key, sizeof key, "%s_id", role);
    const json_t *v = json_object_get(of, key);
    if (json_is_array(v))
        v = json_array_get(v, 0);
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= d->n)
        return false;
    *id = (uint32_t)json_integer_value(v);
    return true;
}

static bool put_special_ids(struct vocab_draft *d, struct err *e)
{
    static const struct {
        const char *role, *key;
    } rows[] = {{"bos_token", "bos"},     {"eos_token", "eos"},       {"unk_token", "unknown"},
                {"pad_token", "padding"}, {"sep_token", "seperator"}, {"cls_token", "cls"},
                {"mask_token", "mask"}};
    const struct hf *m = &d->c->hf;
    json_t *map;
    if (!hf_read_json(m, "special_tokens_map.json", &map, e))
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *role = rows[i].role;
        char key[64];
        uint32_t id = 0;
        bool found = id_of_text(d, m->tokenizer_config, role, &id) ||
                     id_of_text(d, map, role, &id) || id_of_number(d, m->generation, role, &id) ||
                     id_of_number(d, m->text, role, &id);
        if (!found && strcmp(role, "unk_token") == 0 && d->unk < d->n) {
            id = d->unk;
            found = true;
        }
        snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", rows[i].key);
        if (found)
            gguf_write_u32(&d->c->w, key, id);
    }
    json_decref(map);
    return true;
}

/* --- what is put before and behind a text ----------------------------------------------------- */

static bool is_special(const json_t *step)
{
    return json_object_get(step, "SpecialToken") != NULL;
}

/* tokenizer_config.json may say it; else the template that the tokenizer applies to a text. */
static void put_additions(struct vocab_draft *d)
{
    const struct hf *m = &d->c->hf;
    const json_t *post = json_object_get(m->tokenizer, "post_processor");
    const json_t *text = json_object_get(convert_find_part(post, "TemplateProcessing"), "single");
    const json_t *bos = json_object_get(m->tokenizer_config, "add_bos_token");
    const json_t *eos = json_object_get(m->tokenizer_config, "add_eos_token");
    size_t n = json_array_size(text);
    bool add_bos = n > 0 && is_special(json_array_get(text, 0));
    bool add_eos = n > 0 && is_special(json_array_get(text, n - 1));
    if (json_is_boolean(bos) || m->tokenizer)
        gguf_write_bool(&d->c->w, "tokenizer.ggml.add_bos_token",
                        json_is_boolean(bos) ? json_is_true(bos) : add_bos);
    if (json_is_boolean(eos) || m->tokenizer)
        gguf_write_bool(&d->c->w, "tokenizer.ggml.add_eos_token",
                        json_is_boolean(eos) ? json_is_true(eos) : add_eos);
}

static void put_named_templates(struct conversion *c, const json_t *list)
{
    size_t i;
    json_t *v;
    json_array_foreach((json_t *)list, i, v)
    {
        const char *name = hf_text(v, "name"), *text = hf_text(v, "template");
        char key[128];
        if (!name || !text || strlen(name) > 64)
            continue;
        if (strcmp(name, "default") == 0)
            snprintf(key, sizeof key, "tokenizer.chat_template");
        else
            snprintf(key, sizeof key, "tokenizer.chat_template.%s", name);
        gguf_write_str(&c->w, key, str_of(text));
    }
}

static bool put_template(struct conversion *c, struct err *e)
{
    const json_t *v = json_object_get(c->hf.tokenizer_config, "chat_template");
    struct buf file;
    bool there;
    if (!hf_read_text(&c->hf, "chat_template.jinja", LIMIT_TEMPLATE_BYTES, &file, &there, e)) {
        buf_clear(&file);
        return false;
    }
    if (there)
        gguf_write_str(&c->w, "tokenizer.chat_template", buf_view(&file));
    else if (json_is_string(v))
        gguf_write_str(&c->w, "tokenizer.chat_template", str_of(json_string_value(v)));
    else if (json_is_array(v))
        put_named_templates(c, v);
    buf_clear(&file);
    return true;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void put_tokens(struct vocab_draft *d)
{
    struct gguf_writer *w = &d->c->w;
    gguf_write_str(w, "tokenizer.ggml.model", str_of(d->model));
    gguf_write_str(w, "tokenizer.ggml.pre", str_of(d->pre));
    gguf_write_strs(w, "tokenizer.ggml.tokens", d->text, d->n);
    if (d->scored)
        gguf_write_array(w, "tokenizer.ggml.scores", GGUF_F32, d->score, d->n);
    gguf_write_array(w, "tokenizer.ggml.token_type", GGUF_I32, d->type, d->n);
    if (d->n_merges)
        gguf_write_strs(w, "tokenizer.ggml.merges", d->merges, d->n_merges);
}

/* tokenizer.model says more than a tokenizer.json made from it. */
static bool read_sentencepiece(struct vocab_draft *d, bool *there, struct err *e)
{
    struct buf file;
    bool ok = hf_read_text(&d->c->hf, "tokenizer.model", LIMIT_JSON_BYTES, &file, there, e);
    if (ok && *there) {
        const char *copy = arena_copy(&d->c->arena, buf_view(&file), e);
        ok = copy && vocab_read_sentencepiece(d, (struct str){copy, file.n}, e);
    }
    buf_clear(&file);
    return ok;
}

static bool read_words(struct vocab_draft *d, bool *there, struct err *e)
{
    struct buf file;
    bool ok = hf_read_text(&d->c->hf, "vocab.txt", LIMIT_JSON_BYTES, &file, there, e);
    if (ok && *there) {
        const char *copy = arena_copy(&d->c->arena, buf_view(&file), e);
        ok = copy && vocab_read_wordlist(d, (struct str){copy, file.n}, e);
    }
    buf_clear(&file);
    return ok;
}

static bool read_json(struct vocab_draft *d, struct err *e)
{
    const json_t *model = json_object_get(d->c->hf.tokenizer, "model");
    const char *type = hf_text(model, "type");
    bool there = false, bytes = json_is_true(json_object_get(model, "byte_fallback"));
    if (!type)
        type = json_object_get(model, "merges") ? "BPE" : "";
    if (strcmp(type, "WordPiece") == 0)
        return vocab_read_wordpiece(d, model, e);
    if (strcmp(type, "BPE") == 0 && !bytes)
        return vocab_read_bpe(d, model, e);
    if (strcmp(type, "BPE") != 0 && strcmp(type, "Unigram") != 0)
        return fail(e, ERR_UNSUPPORTED,
                    "tokenizer.json: the model \"%s\" cannot be converted (BPE, Unigram and "
                    "WordPiece can)",
                    type);
    if (!read_sentencepiece(d, &there, e) || there)
        return there;
    return strcmp(type, "BPE") == 0 ? vocab_read_spm_bpe(d, model, e)
                                    : vocab_read_unigram(d, model, e);
}

static bool read_any(struct vocab_draft *d, bool *there, struct err *e)
{
    *there = d->c->hf.tokenizer != NULL;
    if (*there)
        return read_json(d, e);
    return read_sentencepiece(d, there, e) && (*there || read_words(d, there, e));
}

static bool write_vocab(struct vocab_draft *d, struct err *e)
{
    bool there;
    if (!read_any(d, &there, e))
        return false;
    if (!there) {
        convert_notice(d->c, N_("the model has no tokenizer (tokenizer.json, tokenizer.model or "
                                "vocab.txt): only its token ids can be used"));
        gguf_write_str(&d->c->w, "tokenizer.ggml.model", STR("none"));
        return true;
    }
    if (!put_all_added(d, e) || !fill_holes(d, e))
        return false;
    put_tokens(d);
    if (strcmp(d->model, "bert") != 0)
        put_additions(d);
    if (d->n_beyond)
        convert_notice(d->c,
                       N_("%u tokens of the tokenizer have no row in the embedding and are left "
                          "out"),
                       d->n_beyond);
    return put_special_ids(d, e) && put_template(d->c, e);
}

bool convert_vocab(struct conversion *c, struct err *e)
{
    struct vocab_draft d = {.c = c, .n = c->n_vocab, .unk = TOKEN_NONE, .pre = "default"};
    d.text = arena_new(&c->arena, d.n, sizeof *d.text, e);
    d.type = arena_new(&c->arena, d.n, sizeof *d.type, e);
    d.score = arena_new(&c->arena, d.n, sizeof *d.score, e);
    bool ok = d.text && d.type && d.score && write_vocab(&d, e);
    map_clear(&d.by_text);
    return ok;
}
