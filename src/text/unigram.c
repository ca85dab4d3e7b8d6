/* SPDX-License-Identifier: Apache-2.0 */
/* text/unigram: SentencePiece unigram (t5): the most probable row of tokens.
 *
 * The text is normalised by the character map the file carries (a double-array trie of byte
 * strings to replacements, as SentencePiece compiles it), blanks are merged and marked as the file
 * says, then a Viterbi pass finds the row with the greatest sum of scores. Characters without a
 * token cost UNKNOWN_PENALTY more than the worst token; a run of them is one unknown token.
 * Sources: Kudo 2018; SentencePiece; darts-clone (the array's layout). */
#include <float.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/vocab_private.h"

#define UNKNOWN_PENALTY 10.0f

struct unigram {
    struct trie words;
    struct trie user; /* user-defined tokens: not normalised */
    float unknown_score;
    const unsigned char *units; /* [n_units] little-endian 32-bit, unaligned; borrowed */
    size_t n_units;
    struct str replacements; /* NUL-terminated texts, one after another */
};

/* --- loading -------------------------------------------------------------------------------------
 */

static uint32_t u32_at(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool read_charsmap(struct unigram *u, const struct gguf *g, struct err *e)
{
    const struct gguf_kv *kv = gguf_find(g, "tokenizer.ggml.precompiled_charsmap");
    if (!kv || kv->n == 0)
        return true;
    bool bytes = kv->type == GGUF_ARRAY && (kv->elem == GGUF_U8 || kv->elem == GGUF_I8);
    uint64_t size = bytes && kv->n >= 4 ? u32_at(kv->data) : 0;
    if (!bytes || kv->n < 4 || size > kv->n - 4)
        return fail(e, ERR_CORRUPT, "tokenizer.ggml.precompiled_charsmap is not a character map");
    u->units = kv->data + 4;
    u->n_units = (size_t)size / 4;
    u->replacements = (struct str){(const char *)kv->data + 4 + size, (size_t)(kv->n - 4 - size)};
    return true;
}

static bool build_user(const struct vocab *v, struct trie *t, struct err *e)
{
    struct trie_key *keys = mem_new(v->n_tokens, sizeof *keys, e);
    size_t n = 0;
    for (uint32_t i = 0; keys && i < v->n_tokens; i++)
        if (vocab_type(v, i) == TOKEN_USER && vocab_text(v, i).n)
            keys[n++] = (struct trie_key){vocab_text(v, i), i};
    bool ok = keys && trie_build(t, keys, n, e);
    mem_free(keys);
    return ok;
}

bool unigram_init(struct vocab *v, const struct gguf *g, struct err *e)
{
    struct unigram *u = v->private->unigram = mem_new(1, sizeof *u, e);
    if (!u)
        return false;
    float worst = FLT_MAX;
    for (uint32_t i = 0; i < v->n_tokens; i++)
        if (vocab_type(v, i) == TOKEN_NORMAL && vocab_score(v, i) < worst)
            worst = vocab_score(v, i);
    u->unknown_score = worst - UNKNOWN_PENALTY;
    return read_charsmap(u, g, e) && vocab_trie(v, &u->words, e) && build_user(v, &u->user, e);
}

void unigram_free(struct unigram *u)
{
    if (u) {
        trie_clear(&u->words);
        trie_clear(&u->user);
    }
    mem_free(u);
}

/* --- normalising ---------------------------------------------------------------------------------
 */

/* The longest mapped beginning of s: its length (0: none) and its replacement. Unit layout: value
 * in bits 0-30 of a leaf; else label in 0-7 (bit 31 must be clear), has-leaf in 8, offset in 10-30,
 * shifted by 8 when bit 9 is set. A broken map maps nothing. */
static size_t mapped(const struct unigram *u, struct str s, struct str *replacement)
{
    size_t longest = 0, at = 0;
    uint32_t unit = u->n_units ? u32_at(u->units) : 0;
    for (size_t i = 0; u->n_units && i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        at ^= (size_t)(unit >> 10) << ((unit & 0x200u) >> 6);
        at ^= c;
        if (c == 0 || at >= u->n_units)
            break;
        unit = u32_at(u->units + 4 * at);
        if ((unit & 0x800000ffu) != c)
            break;
        size_t leaf = at ^ (size_t)(unit >> 10) << ((unit & 0x200u) >> 6);
        if (!(unit & 0x100u) || leaf >= u->n_units)
            continue;
        struct str rest = str_from(u->replacements, u32_at(u->units + 4 * leaf) & 0x7fffffffu);
        const char *end = rest.n ? memchr(rest.p, 0, rest.n) : NULL;
        if (end) {
            longest = i + 1;
            *replacement = str_sub(rest, 0, (size_t)(end - rest.p));
        }
    }
    return longest;
}

/* The next stretch of s, normalised: how many bytes it takes. */
static size_t normal(const struct unigram *u, struct str s, struct str *out)
{
    uint32_t id;
    size_t n = trie_longest(&u->user, s, &id), next = 0;
    if (n == 0 && (n = mapped(u, s, out)))
        return n;
    if (n == 0) {
        bool bad = str_utf8_next(s, &next) == 0xfffd && next == 1;
        *out = bad ? STR("\xef\xbf\xbd") : str_sub(s, 0, next);
        return next;
    }
    *out = str_sub(s, 0, n);
    return n;
}

static void normalise(const struct vocab *v, struct str text, struct buf *out)
{
    bool prefixed = false, in_word = false;
    struct str part;
    for (size_t at = 0; at < text.n;) {
        at += normal(v->private->unigram, str_from(text, at), &part);
        for (size_t i = 0; i < part.n; i++) {
            bool blank = part.p[i] == ' ';
            if (!blank && !in_word &&
                ((v->add_space_prefix && !prefixed) || v->remove_extra_spaces)) {
                buf_add(out, BLANK_MARK, 3);
                prefixed = true;
            }
            in_word = !blank;
            if (!blank)
                buf_byte(out, part.p[i]);
            else if (!v->remove_extra_spaces)
                buf_add(out, BLANK_MARK, 3);
        }
    }
}

/* --- Viterbi -------------------------------------------------------------------------------------
 */

struct best {
    double score;      /* of the best row that ends here */
    uint32_t from, id; /* its last token */
};

static void offer(struct best *b, double score, size_t from, uint32_t id)
{
    if (score > b->score)
        *b = (struct best){score, (uint32_t)from, id};
}

static void forward(const struct vocab *v, struct str s, struct best *best)
{
    const struct unigram *u = v->private->unigram;
    size_t len;
    best[0] = (struct best){0};
    for (size_t i = 1; i <= s.n; i++)
        best[i].score = -DBL_MAX;
    for (size_t at = 0; at < s.n; at += len) {
        bool whole_character = false;
        uint32_t node = 0, id;
        len = vocab_character(s, at);
        for (size_t i = at; i < s.n && (node = trie_step(&u->words, node, (unsigned char)s.p[i]));
             i++) {
            if ((id = trie_value(&u->words, node)) == TRIE_NONE)
                continue;
            double score = vocab_type(v, id) == TOKEN_USER ? 0.0 : (double)vocab_score(v, id);
            offer(&best[i + 1], best[at].score + score, at, id);
            whole_character |= i + 1 == at + len;
        }
        if (!whole_character)
            offer(&best[at + len], best[at].score + (double)u->unknown_score, at, v->unk);
    }
}

static bool backward(const struct vocab *v, const struct best *best, size_t n, struct tokens *out,
                     struct err *e)
{
    size_t first = out->n;
    bool after_unknown = false;
    for (size_t at = n; at > 0; at = best[at].from) {
        bool unknown = best[at].id == v->unk;
        if (!(unknown && after_unknown) && best[at].id != TOKEN_NONE &&
            !tokens_push(out, best[at].id, e))
            return false;
        after_unknown = unknown;
    }
    for (size_t i = first, j = out->n; i + 1 < j; i++) {
        uint32_t id = out->id[--j];
        out->id[j] = out->id[i];
        out->id[i] = id;
    }
    return true;
}

bool unigram_encode(const struct vocab *v, struct str text, struct tokens *out, struct err *e)
{
    struct buf b;
    buf_init(&b, 4 * (size_t)LIMIT_PIECE_BYTES);
    normalise(v, text, &b);
    bool ok = buf_ok(&b, "text", e);
    struct best *best = ok ? mem_new(b.n + 1, sizeof *best, e) : NULL;
    if (best)
        forward(v, buf_view(&b), best);
    ok = best && backward(v, best, b.n, out, e);
    mem_free(best);
    buf_clear(&b);
    return ok;
}
