/* SPDX-License-Identifier: Apache-2.0 */
/* text/vocab: see vocab.h. Reads the arrays, makes the maps, and hands over to the family. */
#include "text/vocab.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/bytemap.h"
#include "text/vocab_private.h"

#define N_(text)        text       /* a message, looked up where it is shown */
#define VOCAB_BYTES_MAX (1u << 30) /* of all tokens together */

/* --- the family ----------------------------------------------------------------------------------
 */

static const struct {
    const char *model; /* tokenizer.ggml.model */
    enum vocab_kind kind;
    bool supported;
} models[] = {
    {"gpt2", VOCAB_BPE, true},   {"llama", VOCAB_SPM, true},   {"bert", VOCAB_WORDPIECE, true},
    {"t5", VOCAB_UNIGRAM, true}, {"gemma4", VOCAB_BPE, true},  {"whitespace", VOCAB_BPE, true},
    {"rwkv", VOCAB_BPE, false},  {"plamo2", VOCAB_BPE, false}, {"hybriddna", VOCAB_BPE, false},
};

static bool find_model(struct vocab *v, struct str model, struct err *e)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (str_is(model, models[i].model) && models[i].supported) {
            v->kind = models[i].kind;
            return true;
        }
    if (model.n == 0 || str_is(model, "test") || str_is(model, "none") || str_is(model, "no_vocab"))
        return fail(e, ERR_UNSUPPORTED,
                    "the model has no tokenizer (tokenizer.ggml.model is \"%.*s\"); only its "
                    "token ids can be used",
                    STR_ARG(model));
    return fail(e, ERR_UNSUPPORTED, "the tokenizer model \"%.*s\" is not supported",
                STR_ARG(model));
}

/* Only BPE has pre-tokenizers; other files carry the name "default" or none. */
static bool find_pre(struct vocab *v, const struct gguf *g, struct str model,
                     const struct pretoken_name **pre, struct err *e)
{
    struct str name = {0};
    *pre = NULL;
    if (v->kind != VOCAB_BPE)
        return true;
    if (!gguf_get_str(g, "tokenizer.ggml.pre", &name, e))
        return false;
    if (str_is(model, "gemma4"))
        name = STR("gemma4");
    if (name.n == 0) {
        name = STR("default");
        v->notice =
            N_("the model does not name its pre-tokenizer; text is split by the general rule, "
               "which may not be the one it was trained with");
    }
    *pre = pretoken_find(name);
    if (!*pre)
        return fail(e, ERR_UNSUPPORTED, "the pre-tokenizer \"%.*s\" is not known", STR_ARG(name));
    v->private->byte_level = !((*pre)->flags & PRE_RAW);
    v->private->blanks = (*pre)->flags & PRE_BLANKS;
    v->private->drop_spaces = str_is(model, "whitespace");
    v->ignore_merges = (*pre)->flags & PRE_WHOLE_WORDS;
    v->add_bos = (*pre)->flags & PRE_ADD_BOS;
    return true;
}

static bool family_defaults(struct vocab *v, const struct gguf *g, const struct pretoken_name *pre,
                            struct err *e)
{
    struct vocab_private *p = v->private;
    v->add_space_prefix = v->kind == VOCAB_SPM;
    v->add_bos |= v->kind == VOCAB_SPM || v->kind == VOCAB_WORDPIECE;
    v->add_eos = v->kind == VOCAB_UNIGRAM;
    v->add_sep = v->kind == VOCAB_WORDPIECE;
    p->blanks |= v->kind != VOCAB_BPE;
    p->lowercase = v->kind == VOCAB_WORDPIECE;
    if (!gguf_get_bool(g, "tokenizer.ggml.add_space_prefix", &v->add_space_prefix, e) ||
        !gguf_get_bool(g, "tokenizer.ggml.remove_extra_whitespaces", &v->remove_extra_spaces, e) ||
        !gguf_get_bool(g, "tokenizer.ggml.add_bos_token", &v->add_bos, e) ||
        !gguf_get_bool(g, "tokenizer.ggml.add_eos_token", &v->add_eos, e) ||
        !gguf_get_bool(g, "tokenizer.ggml.add_sep_token", &v->add_sep, e) ||
        !gguf_get_bool(g, "tokenizer.ggml.normalizer.lowercase", &p->lowercase, e))
        return false;
    v->add_bos |= pre && pre->flags & PRE_FORCE_BOS;
    p->strip_accents = p->lowercase;
    return gguf_get_bool(g, "tokenizer.ggml.normalizer.strip_accents", &p->strip_accents, e);
}

/* --- the arrays ----------------------------------------------------------------------------------
 */

static bool read_texts(struct vocab *v, const struct gguf *g, struct err *e)
{
    const struct gguf_kv *kv = gguf_find(g, "tokenizer.ggml.tokens");
    size_t sum = 0;
    if (!kv || !kv->strings || kv->n == 0)
        return fail(e, ERR_CORRUPT, "tokenizer.ggml.tokens is not a list of texts");
    if (kv->n > LIMIT_VOCAB)
        return fail(e, ERR_LIMIT, "a vocabulary of %llu tokens is more than the %u allowed",
                    (unsigned long long)kv->n, LIMIT_VOCAB);
    for (uint64_t i = 0; i < kv->n; i++) {
        size_t n = kv->strings[i].n;
        if (n > LIMIT_TOKEN_BYTES)
            return fail(e, ERR_LIMIT, "token %llu is %zu bytes long; at most %u are allowed",
                        (unsigned long long)i, n, LIMIT_TOKEN_BYTES);
        if (n > v->private->max_text)
            v->private->max_text = (uint32_t)n;
        sum += n;
    }
    if (sum > VOCAB_BYTES_MAX)
        return fail(e, ERR_LIMIT, "the tokens take %zu bytes together; at most %u are allowed", sum,
                    VOCAB_BYTES_MAX);
    v->n_tokens = (uint32_t)kv->n;
    v->private->text = kv->strings;
    return true;
}

/* An optional array of numbers, one for each token. */
static bool find_numbers(const struct vocab *v, const struct gguf *g, const char *key,
                         const struct gguf_kv **kv, struct err *e)
{
    *kv = gguf_find(g, key);
    if (*kv && ((*kv)->type != GGUF_ARRAY || (*kv)->strings || (*kv)->n < v->n_tokens))
        return fail(e, ERR_CORRUPT, "%s is not a list of %u numbers", key, v->n_tokens);
    return true;
}

static bool read_types(struct vocab *v, const struct gguf *g, struct err *e)
{
    const struct gguf_kv *types, *scores;
    struct vocab_private *p = v->private;
    if (!find_numbers(v, g, "tokenizer.ggml.token_type", &types, e) ||
        !find_numbers(v, g, "tokenizer.ggml.scores", &scores, e))
        return false;
    p->type = mem_new(v->n_tokens, 1, e);
    p->flags = mem_new(v->n_tokens, 1, e);
    p->whole = mem_new(v->n_tokens, 1, e);
    if (!p->type || !p->flags || !p->whole)
        return false;
    for (uint32_t i = 0; i < v->n_tokens; i++) {
        int64_t t = types ? gguf_int_at(types, i) : TOKEN_NORMAL;
        p->type[i] = (uint8_t)(t >= TOKEN_NORMAL && t <= TOKEN_BYTE ? t : TOKEN_NORMAL);
    }
    if (!scores)
        return true;
    p->score = mem_new(v->n_tokens, sizeof *p->score, e);
    for (uint32_t i = 0; p->score && i < v->n_tokens; i++)
        p->score[i] = (float)gguf_float_at(scores, i);
    return p->score;
}

/* --- pieces --------------------------------------------------------------------------------------
 */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "<0x0A>" */
static bool byte_token(struct str s, char *byte)
{
    if (s.n != 6 || memcmp(s.p, "<0x", 3) != 0 || s.p[5] != '>')
        return false;
    int high = hex_digit(s.p[3]), low = hex_digit(s.p[4]);
    if (high < 0 || low < 0)
        return false;
    *byte = (char)(high << 4 | low);
    return true;
}

static size_t unmark_blanks(struct str s, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n;) {
        bool mark = i + 3 <= s.n && memcmp(s.p + i, BLANK_MARK, 3) == 0;
        out[n++] = mark ? ' ' : s.p[i];
        i += mark ? 3 : 1;
    }
    return n;
}

/* Writes the bytes token id stands for (at most its text's length); false: kept as stored though
 * the vocabulary is byte-level. */
static bool make_piece(const struct vocab *v, uint32_t id, char *out, size_t *n)
{
    struct str s = v->private->text[id];
    *n = s.n;
    if (v->private->type[id] == TOKEN_BYTE && byte_token(s, out)) {
        *n = 1;
        return !v->private->byte_level;
    }
    if (v->private->byte_level && bytemap_decode(s, out, n))
        return true;
    if (v->private->blanks)
        *n = unmark_blanks(s, out);
    else if (s.n)
        memcpy(out, s.p, s.n);
    return !v->private->byte_level;
}

static bool make_pieces(struct vocab *v, struct err *e)
{
    struct vocab_private *p = v->private;
    size_t sum = 0;
    for (uint32_t i = 0; i < v->n_tokens; i++)
        sum += p->text[i].n;
    p->pieces = mem_new(sum, 1, e);
    p->piece_at = mem_new((size_t)v->n_tokens + 1, sizeof *p->piece_at, e);
    if (!p->pieces || !p->piece_at || !token_index_init(&p->by_text, v->n_tokens, e))
        return false;
    p->by_text.bytes = p->byte_level ? p->pieces : NULL;
    p->by_text.at = p->piece_at;
    p->by_text.texts = p->text;
    uint32_t at = 0;
    for (uint32_t i = 0; i < v->n_tokens; i++) {
        size_t n;
        bool decoded = make_piece(v, i, p->pieces + at, &n);
        at += (uint32_t)n;
        p->piece_at[i + 1] = at;
        if (p->text[i].n == 0)
            continue;
        if (decoded)
            token_index_put(&p->by_text, i);
        else if (!map_put(&p->odd, p->text[i], i, e))
            return false;
    }
    return true;
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static bool start_family(struct vocab *v, const struct gguf *g, const struct pretoken_name *pre,
                         struct err *e)
{
    switch (v->kind) {
    case VOCAB_BPE:
        return bpe_init(v, g, pre, e);
    case VOCAB_SPM:
        return spm_init(v, e);
    case VOCAB_WORDPIECE:
        return wordpiece_init(v, e);
    case VOCAB_UNIGRAM:
        return unigram_init(v, g, e);
    }
    return false;
}

static bool load(struct vocab *v, const struct gguf *g, struct err *e)
{
    struct str model = {0};
    const struct pretoken_name *pre;
    return gguf_get_str(g, "tokenizer.ggml.model", &model, e) && find_model(v, model, e) &&
           find_pre(v, g, model, &pre, e) && family_defaults(v, g, pre, e) && read_texts(v, g, e) &&
           read_types(v, g, e) && make_pieces(v, e) && special_ids_find(v, g, e) &&
           start_family(v, g, pre, e) && special_init(v, g, e);
}

struct vocab *vocab_new(const struct gguf *g, struct err *e)
{
    struct vocab *v = mem_new(1, sizeof *v, e);
    if (v)
        v->private = mem_new(1, sizeof *v->private, e);
    if (!v || !v->private || !load(v, g, e)) {
        vocab_free(v);
        return NULL;
    }
    return v;
}

void vocab_free(struct vocab *v)
{
    struct vocab_private *p = v ? v->private : NULL;
    if (p) {
        bpe_free(p->bpe);
        spm_free(p->spm);
        wordpiece_free(p->wordpiece);
        unigram_free(p->unigram);
        special_free(p->special);
        token_index_clear(&p->by_text);
        map_clear(&p->odd);
        mem_free(p->type);
        mem_free(p->flags);
        mem_free(p->whole);
        mem_free(p->score);
        mem_free(p->pieces);
        mem_free(p->piece_at);
    }
    mem_free(p);
    mem_free(v);
}

struct str vocab_text(const struct vocab *v, uint32_t id)
{
    return id < v->n_tokens ? v->private->text[id] : STR("");
}

enum token_type vocab_type(const struct vocab *v, uint32_t id)
{
    return id < v->n_tokens ? v->private->type[id] : TOKEN_UNKNOWN;
}

float vocab_score(const struct vocab *v, uint32_t id)
{
    return v->private->score && id < v->n_tokens ? v->private->score[id] : 0;
}

bool vocab_find(const struct vocab *v, struct str text, uint32_t *id)
{
    const struct vocab_private *p = v->private;
    if (text.n == 0 || text.n > p->max_text)
        return false;
    if (!p->byte_level)
        return token_index_get(&p->by_text, text, id);
    char small[256], *bytes = text.n <= sizeof small ? small : mem_new(text.n, 1, NULL);
    size_t n;
    bool found = bytes && bytemap_decode(text, bytes, &n)
                     ? token_index_get(&p->by_text, (struct str){bytes, n}, id)
                     : map_get(&p->odd, text, id);
    if (bytes != small)
        mem_free(bytes);
    return found;
}

bool vocab_ends_answer(const struct vocab *v, uint32_t id)
{
    return id < v->n_tokens && v->private->flags[id] & TOKEN_ENDS_ANSWER;
}

bool vocab_is_special(const struct vocab *v, uint32_t id)
{
    return v->private->type[id] == TOKEN_CONTROL || v->private->type[id] == TOKEN_UNKNOWN;
}

enum whole vocab_whole(const struct vocab *v, uint32_t id)
{
    return (enum whole)__atomic_load_n(&v->private->whole[id], __ATOMIC_RELAXED);
}

void vocab_set_whole(const struct vocab *v, uint32_t id, bool whole)
{
    __atomic_store_n(&v->private->whole[id], whole ? WHOLE_YES : WHOLE_NO, __ATOMIC_RELAXED);
}

size_t vocab_character(struct str s, size_t at)
{
    size_t next = at;
    if ((unsigned char)s.p[at] < 0x80)
        return 1;
    str_utf8_next(s, &next);
    return next - at;
}

uint32_t vocab_byte_token(const struct vocab *v, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF";
    const char text[] = {'<', '0', 'x', hex[c >> 4], hex[c & 15], '>'};
    uint32_t id;
    return vocab_find(v, (struct str){text, sizeof text}, &id) ? id : TOKEN_NONE;
}

bool vocab_trie(const struct vocab *v, struct trie *t, struct err *e)
{
    struct trie_key *keys = mem_new(v->n_tokens, sizeof *keys, e);
    size_t n = 0;
    bool ok = keys;
    for (uint32_t i = 0; ok && i < v->n_tokens; i++) {
        struct str s = v->private->text[i];
        enum token_type type = vocab_type(v, i);
        if (s.n == 0 || vocab_is_special(v, i) || type == TOKEN_BYTE)
            continue;
        if (s.n > VOCAB_MATCH_BYTES)
            ok = fail(e, ERR_LIMIT, "token %u is %zu bytes long; at most %u are allowed", i, s.n,
                      VOCAB_MATCH_BYTES);
        else
            keys[n++] = (struct trie_key){s, i};
    }
    ok = ok && trie_build(t, keys, n, e);
    mem_free(keys);
    return ok;
}

struct str vocab_bytes(const struct vocab *v, uint32_t id)
{
    const uint32_t *at = &v->private->piece_at[id];
    return (struct str){v->private->pieces + at[0], at[1] - at[0]};
}

struct str vocab_view(const struct vocab *v, uint32_t id, bool special)
{
    if (id >= v->n_tokens || v->private->type[id] == TOKEN_UNUSED)
        return STR("");
    if (vocab_is_special(v, id))
        return special ? vocab_text(v, id) : STR("");
    bool stored = v->private->byte_level && v->private->type[id] == TOKEN_USER;
    return stored ? vocab_text(v, id) : vocab_bytes(v, id);
}

void vocab_piece(const struct vocab *v, uint32_t id, bool special, struct buf *out)
{
    buf_str(out, vocab_view(v, id, special));
}
