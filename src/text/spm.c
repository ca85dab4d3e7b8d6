/* SPDX-License-Identifier: Apache-2.0 */
/* text/spm: SentencePiece BPE (llama, gemma): neighbours merge into the token with the best score.
 *
 * Blanks become U+2581 first, so words are not set apart and any token may span them. But hardly
 * any does: `joins` says after which last bytes some token goes on with a U+2581. Elsewhere the
 * text before one can be merged alone, which gives the same ids and keeps rows short. Characters
 * without a token become their bytes (<0x00>..). Source: Kudo and Richardson 2018. */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/merge.h"
#include "text/vocab_private.h"

struct spm {
    bool joins[256];
    uint32_t byte[256]; /* token of a byte, or TOKEN_NONE */
};

static bool is_mark(struct str s, size_t at)
{
    return s.n - at >= 3 && memcmp(s.p + at, BLANK_MARK, 3) == 0;
}

static void find_joins(struct spm *s, struct str text)
{
    for (size_t at = 1; at < text.n; at++)
        if (is_mark(text, at))
            s->joins[(unsigned char)text.p[at - 1]] = true;
}

bool spm_init(struct vocab *v, struct err *e)
{
    struct spm *s = v->private->spm = mem_new(1, sizeof *s, e);
    if (!s)
        return false;
    for (uint32_t i = 0; i < v->n_tokens; i++)
        if (!vocab_is_special(v, i))
            find_joins(s, vocab_text(v, i));
    for (unsigned c = 0; c < 256; c++) {
        char text = (char)c;
        s->byte[c] = vocab_byte_token(v, (unsigned char)c);
        if (s->byte[c] == TOKEN_NONE)
            vocab_find(v, (struct str){&text, 1}, &s->byte[c]);
    }
    return true;
}

void spm_free(struct spm *s)
{
    mem_free(s);
}

/* A token that text may become. */
static bool find_token(const struct vocab *v, struct str text, uint32_t *id)
{
    return text.n <= v->private->max_text && token_index_get(&v->private->by_text, text, id) &&
           !vocab_is_special(v, *id);
}

/* Falls as the score rises. */
static uint32_t priority_of(float score)
{
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof bits);
    bits = bits >> 31 ? ~bits : bits | 0x80000000u; /* in the order of the floats */
    return bits ? ~bits : UINT32_MAX - 1;
}

static bool scored_pair(const void *arg, const char *text, const struct symbol *a,
                        const struct symbol *b, uint32_t *priority, uint32_t *id)
{
    const struct vocab *v = arg;
    if (!find_token(v, (struct str){text + a->at, a->n + b->n}, id))
        return false;
    *priority = priority_of(vocab_score(v, *id));
    return true;
}

/* What is left of a row: tokens, or characters that still have to be looked up. */
static bool push_symbol(const struct vocab *v, struct str row, const struct symbol *s,
                        struct tokens *out, struct err *e)
{
    struct str c = str_sub(row, s->at, s->n);
    const uint32_t *byte = v->private->spm->byte;
    uint32_t id;
    if (s->id != TOKEN_NONE)
        return tokens_push(out, s->id, e);
    if (find_token(v, c, &id))
        return tokens_push(out, id, e);
    for (size_t i = 0; i < c.n; i++) {
        id = byte[(unsigned char)c.p[i]];
        if (id == TOKEN_NONE) /* no byte tokens: the character is unknown as a whole */
            return v->unk == TOKEN_NONE || tokens_push(out, v->unk, e);
        if (!tokens_push(out, id, e))
            return false;
    }
    return true;
}

/* whole: the token whose text the row is, to be remembered; or TOKEN_NONE. */
static bool encode_by_merges(const struct vocab *v, struct str row, uint32_t whole,
                             struct tokens *out, struct err *e)
{
    struct symbol few[MERGE_SHORT], *s = few;
    size_t n = 0, len;
    if (row.n > MERGE_SHORT && !(s = mem_new(row.n, sizeof *s, e)))
        return false;
    for (size_t at = 0; at < row.n; at += len) {
        len = vocab_character(row, at);
        s[n++] = (struct symbol){(uint32_t)at, (uint32_t)len, TOKEN_NONE};
    }
    size_t before = out->n;
    bool ok = merge_row(v, row.p, scored_pair, s, &n, e);
    for (size_t i = 0; ok && i < n; i++)
        ok = push_symbol(v, row, &s[i], out, e);
    if (ok && whole != TOKEN_NONE)
        vocab_set_whole(v, whole, n == 1 && out->id[before] == whole);
    if (s != few)
        mem_free(s);
    return ok;
}

static bool encode_row(const struct vocab *v, struct str row, struct tokens *out, struct err *e)
{
    uint32_t id;
    if (row.n > LIMIT_PIECE_BYTES)
        return fail(e, ERR_LIMIT,
                    "a run of %zu bytes without a break is longer than the %u allowed", row.n,
                    LIMIT_PIECE_BYTES);
    if (!find_token(v, row, &id))
        return encode_by_merges(v, row, TOKEN_NONE, out, e);
    enum whole whole = vocab_whole(v, id);
    if (whole == WHOLE_YES)
        return tokens_push(out, id, e);
    return encode_by_merges(v, row, whole == WHOLE_UNKNOWN ? id : TOKEN_NONE, out, e);
}

/* The end of the row that begins at `from`. */
static size_t row_end(const struct spm *s, struct str text, size_t from)
{
    for (size_t at = from + 1; at < text.n; at++)
        if ((unsigned char)text.p[at] == 0xe2 && is_mark(text, at) &&
            !s->joins[(unsigned char)text.p[at - 1]] && !(at - from >= 3 && is_mark(text, at - 3)))
            return at;
    return text.n;
}

static void mark_blanks(struct str text, struct buf *out)
{
    struct str part;
    for (bool first = true; str_cut(&text, ' ', &part); first = false) {
        if (!first)
            buf_add(out, BLANK_MARK, 3);
        buf_str(out, part);
    }
}

bool spm_encode(const struct vocab *v, struct str text, struct tokens *out, struct err *e)
{
    struct buf b;
    buf_init(&b, 3 * (size_t)LIMIT_TEXT_BYTES + 3);
    if (v->add_space_prefix)
        buf_add(&b, BLANK_MARK, 3);
    mark_blanks(text, &b);
    bool ok = buf_ok(&b, "text", e);
    struct str marked = buf_view(&b);
    for (size_t at = 0, end; ok && at < marked.n; at = end) {
        end = row_end(v->private->spm, marked, at);
        ok = encode_row(v, str_sub(marked, at, end - at), out, e);
    }
    buf_clear(&b);
    return ok;
}
