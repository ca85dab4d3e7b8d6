/* SPDX-License-Identifier: Apache-2.0 */
/* lab/convert_tokens: the readers of tokenizer.json's models and of vocab.txt. */
#include <string.h>

#include "base/limits.h"
#include "lab/convert_vocab.h"

#define BLANK "\xe2\x96\x81" /* U+2581, which stands for a space */

/* An object of token and id. */
static bool put_ids(struct vocab_draft *d, const json_t *vocab, struct err *e)
{
    const char *text;
    json_t *id;
    if (!json_is_object(vocab))
        return fail(e, ERR_CORRUPT, "tokenizer.json: the model has no \"vocab\" of tokens and ids");
    json_object_foreach((json_t *)vocab, text, id)
    {
        if (!json_is_integer(id) || json_integer_value(id) < 0)
            return fail(e, ERR_CORRUPT, "tokenizer.json: the id of token \"%s\" is no number",
                        text);
        if (!vocab_draft_put(d, (uint64_t)json_integer_value(id), str_of(text), TOKEN_NORMAL, 0, e))
            return false;
    }
    return true;
}

/* --- merges: "a b", or ["a", "b"], where a part may hold a space ------------------------------ */

static void add_part(struct buf *b, const char *s)
{
    for (; *s; s++)
        if (*s == ' ')
            buf_cstr(b, "\xc4\xa0"); /* as byte-level tokens spell it */
        else
            buf_byte(b, *s);
}

static bool one_merge(struct vocab_draft *d, const json_t *v, struct buf *line, struct str *out,
                      struct err *e)
{
    const char *whole = json_string_value(v);
    const char *a = json_string_value(json_array_get(v, 0));
    const char *b = json_string_value(json_array_get(v, 1));
    if (whole && strchr(whole, ' ')) {
        *out = str_of(whole);
        return true;
    }
    if (!a || !b)
        return fail(e, ERR_CORRUPT, "tokenizer.json: a merge is not a pair of tokens");
    buf_reset(line);
    add_part(line, a);
    buf_byte(line, ' ');
    add_part(line, b);
    const char *copy = arena_copy(&d->c->arena, buf_view(line), e);
    *out = (struct str){copy, line->n};
    return buf_ok(line, "tokenizer.json", e) && copy;
}

static bool read_merges(struct vocab_draft *d, const json_t *list, struct err *e)
{
    struct buf line;
    bool ok = true;
    d->n_merges = json_array_size(list);
    if (d->n_merges > LIMIT_GGUF_STRINGS)
        return fail(e, ERR_LIMIT, "tokenizer.json: more than %u merges", LIMIT_GGUF_STRINGS);
    d->merges = arena_new(&d->c->arena, (size_t)d->n_merges, sizeof *d->merges, e);
    if (!d->merges)
        return false;
    buf_init(&line, 4 * LIMIT_TOKEN_BYTES);
    for (uint64_t i = 0; ok && i < d->n_merges; i++)
        ok = one_merge(d, json_array_get(list, (size_t)i), &line, &d->merges[i], e);
    buf_clear(&line);
    return ok;
}

bool vocab_read_bpe(struct vocab_draft *d, const json_t *model, struct err *e)
{
    d->model = "gpt2";
    d->pre = d->c->o->pre ? d->c->o->pre : convert_pre_name(d->c->hf.tokenizer, e);
    return d->pre && put_ids(d, json_object_get(model, "vocab"), e) &&
           read_merges(d, json_object_get(model, "merges"), e);
}

/* --- BPE over characters, as converted from SentencePiece ------------------------------------- */

/* SentencePiece merges by the score of what comes out: the earlier a merge, the higher. Returns the
 * text of the merged token in b. */
static void score_merges(struct vocab_draft *d)
{
    char joined[512];
    for (uint64_t i = 0; i < d->n_merges; i++) {
        struct str rest = d->merges[i], a;
        uint32_t id;
        if (!str_cut(&rest, ' ', &a) || a.n + rest.n > sizeof joined)
            continue;
        memcpy(joined, a.p, a.n);
        memcpy(joined + a.n, rest.p, rest.n);
        if (map_get(&d->by_text, (struct str){joined, a.n + rest.n}, &id) && d->score[id] == 0)
            d->score[id] = -(float)(i + 1);
    }
    for (uint32_t i = 0; i < d->n; i++)
        if (d->text[i].p && d->score[i] == 0)
            d->score[i] = -(float)(d->n_merges + 1); /* made by no merge */
}

static bool is_byte(struct str s)
{
    return s.n == 6 && str_starts(s, STR("<0x")) && s.p[5] == '>';
}

static void mark_bytes(struct vocab_draft *d)
{
    for (uint32_t i = 0; i < d->n; i++)
        if (d->text[i].p && is_byte(d->text[i]))
            d->type[i] = TOKEN_BYTE;
}

static void mark_unknown(struct vocab_draft *d, const char *text)
{
    uint32_t id;
    if (text && map_get(&d->by_text, str_of(text), &id)) {
        d->type[id] = TOKEN_UNKNOWN;
        d->unk = id;
    }
}

/* A blank before the text: a step of its own, or a switch of the step that marks blanks. */
static bool adds_blank(const json_t *tokenizer)
{
    const json_t *meta =
        convert_find_part(json_object_get(tokenizer, "pre_tokenizer"), "Metaspace");
    const char *scheme = hf_text(meta, "prepend_scheme");
    if (convert_find_part(json_object_get(tokenizer, "normalizer"), "Prepend"))
        return true;
    return scheme ? strcmp(scheme, "never") != 0
                  : meta && !json_is_false(json_object_get(meta, "add_prefix_space"));
}

bool vocab_read_spm_bpe(struct vocab_draft *d, const json_t *model, struct err *e)
{
    d->model = "llama";
    d->scored = d->spaced = true;
    if (!put_ids(d, json_object_get(model, "vocab"), e) ||
        !read_merges(d, json_object_get(model, "merges"), e))
        return false;
    score_merges(d);
    d->n_merges = 0; /* the scores say it */
    mark_bytes(d);
    mark_unknown(d, hf_text(model, "unk_token"));
    gguf_write_bool(&d->c->w, "tokenizer.ggml.add_space_prefix", adds_blank(d->c->hf.tokenizer));
    return true;
}

/* --- unigram ---------------------------------------------------------------------------------- */

static int sextet(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

static bool put_charsmap(struct conversion *c, const char *base64, struct err *e)
{
    struct buf out;
    uint32_t bits = 0, n = 0;
    bool ok = true;
    buf_init(&out, LIMIT_JSON_BYTES);
    for (; *base64 && *base64 != '='; base64++) {
        int v = sextet(*base64);
        ok = ok && v >= 0;
        bits = bits << 6 | (uint32_t)(v & 63);
        if (++n % 4 != 1)
            buf_byte(&out, (char)(bits >> (8 - n % 4 * 2) % 8));
    }
    ok = (ok || fail(e, ERR_CORRUPT, "tokenizer.json: the character map is not Base64")) &&
         buf_ok(&out, "tokenizer.json", e);
    if (ok)
        gguf_write_array(&c->w, "tokenizer.ggml.precompiled_charsmap", GGUF_U8, buf_c(&out), out.n);
    buf_clear(&out);
    return ok;
}

bool vocab_read_unigram(struct vocab_draft *d, const json_t *model, struct err *e)
{
    const json_t *list = json_object_get(model, "vocab"), *unk = json_object_get(model, "unk_id");
    const json_t *normalizer = json_object_get(d->c->hf.tokenizer, "normalizer");
    const char *map = hf_text(convert_find_part(normalizer, "Precompiled"), "precompiled_charsmap");
    size_t i;
    json_t *v;
    d->model = "t5";
    d->scored = d->spaced = true;
    json_array_foreach((json_t *)list, i, v)
    {
        const char *text = json_string_value(json_array_get(v, 0));
        const json_t *score = json_array_get(v, 1);
        if (!text || !json_is_number(score))
            return fail(e, ERR_CORRUPT, "tokenizer.json: token %zu is not a text with a score", i);
        if (!vocab_draft_put(d, i, str_of(text), TOKEN_NORMAL, (float)json_number_value(score), e))
            return false;
    }
    if (json_is_integer(unk) && json_integer_value(unk) >= 0 && json_integer_value(unk) < d->n)
        d->type[d->unk = (uint32_t)json_integer_value(unk)] = TOKEN_UNKNOWN;
    mark_bytes(d);
    gguf_write_bool(&d->c->w, "tokenizer.ggml.add_space_prefix", adds_blank(d->c->hf.tokenizer));
    return !map || put_charsmap(d->c, map, e);
}

/* --- WordPiece -------------------------------------------------------------------------------- */

/* A GGUF marks the beginning of a word, BERT's own list what continues one. */
static bool put_piece(struct vocab_draft *d, uint64_t id, struct str word, struct err *e)
{
    struct buf b;
    bool named = str_starts(word, STR("[")) && str_ends(word, STR("]"));
    if (named && word.n > 1)
        return vocab_draft_put(d, id, word, TOKEN_NORMAL, 0, e);
    if (str_starts(word, STR("##")) && word.n > 2)
        return vocab_draft_put(d, id, str_from(word, 2), TOKEN_NORMAL, 0, e);
    buf_init(&b, LIMIT_TOKEN_BYTES + 4);
    buf_cstr(&b, BLANK);
    buf_str(&b, word);
    const char *copy = arena_copy(&d->c->arena, buf_view(&b), e);
    bool ok = buf_ok(&b, "vocab.txt", e) && copy &&
              vocab_draft_put(d, id, (struct str){copy, b.n}, TOKEN_NORMAL, 0, e);
    buf_clear(&b);
    return ok;
}

static void mark_names(struct vocab_draft *d)
{
    static const char *const names[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint32_t id;
        if (map_get(&d->by_text, str_of(names[i]), &id))
            d->type[id] = TOKEN_CONTROL;
    }
}

static void put_normalizer(struct vocab_draft *d, const json_t *lower, const json_t *strip)
{
    bool lowercase = json_is_boolean(lower) ? json_is_true(lower) : true;
    gguf_write_bool(&d->c->w, "tokenizer.ggml.normalizer.lowercase", lowercase);
    gguf_write_bool(&d->c->w, "tokenizer.ggml.normalizer.strip_accents",
                    json_is_boolean(strip) ? json_is_true(strip) : lowercase);
}

bool vocab_read_wordpiece(struct vocab_draft *d, const json_t *model, struct err *e)
{
    const json_t *vocab = json_object_get(model, "vocab");
    const json_t *rules =
        convert_find_part(json_object_get(d->c->hf.tokenizer, "normalizer"), "BertNormalizer");
    const char *text, *mark = hf_text(model, "continuing_subword_prefix");
    json_t *id;
    d->model = "bert";
    if (mark && strcmp(mark, "##") != 0)
        return fail(e, ERR_UNSUPPORTED,
                    "tokenizer.json: pieces are marked by \"%s\"; only \"##\" can be converted",
                    mark);
    json_object_foreach((json_t *)vocab, text, id)
    {
        if (!json_is_integer(id) || json_integer_value(id) < 0)
            return fail(e, ERR_CORRUPT, "tokenizer.json: the id of token \"%s\" is no number",
                        text);
        if (!put_piece(d, (uint64_t)json_integer_value(id), str_of(text), e))
            return false;
    }
    mark_names(d);
    put_normalizer(d, json_object_get(rules, "lowercase"), json_object_get(rules, "strip_accents"));
    return true;
}

bool vocab_read_wordlist(struct vocab_draft *d, struct str lines, struct err *e)
{
    const json_t *lower = json_object_get(d->c->hf.tokenizer_config, "do_lower_case");
    struct str line;
    uint64_t id = 0;
    d->model = "bert";
    while (lines.n && str_cut(&lines, '\n', &line)) {
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (!put_piece(d, id++, line, e))
            return false;
    }
    mark_names(d);
    put_normalizer(d, lower, json_object_get(d->c->hf.tokenizer_config, "strip_accents"));
    return true;
}
