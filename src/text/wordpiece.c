/* SPDX-License-Identifier: Apache-2.0 */
/* text/wordpiece: BERT's tokenizer: words, each cut greedily into the longest tokens.
 *
 * Text is cleaned (controls dropped; accents and case too where the model says so) and split at
 * white space, around punctuation and around Chinese characters. GGUF stores tokens that begin a
 * word with a U+2581 and the others bare (the "##" is gone). A word that tokens cannot cover is
 * unknown as a whole. Sources: Devlin et al. 2018; the clean-up as llama.cpp does it. */
#include "base/limits.h"
#include "base/mem.h"
#include "text/unicode.h"
#include "text/vocab_private.h"

struct wordpiece {
    struct trie words;
};

bool wordpiece_init(struct vocab *v, struct err *e)
{
    struct wordpiece *w = v->private->wordpiece = mem_new(1, sizeof *w, e);
    return w && vocab_trie(v, &w->words, e);
}

void wordpiece_free(struct wordpiece *w)
{
    if (w)
        trie_clear(&w->words);
    mem_free(w);
}

/* The CJK blocks BERT sets apart; the sixth starts at 2B920 in the reference code. */
static bool is_chinese(uint32_t c)
{
    static const uint32_t blocks[][2] = {
        {0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x20000, 0x2a6df}, {0x2a700, 0x2b73f},
        {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0xf900, 0xfaff},   {0x2f800, 0x2fa1f},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        if (c >= blocks[i][0] && c <= blocks[i][1])
            return true;
    return false;
}

static bool stands_alone(uint32_t c)
{
    if (c < 0x7f)
        return c > ' ' && !(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    return unicode_is_punct(c) || is_chinese(c);
}

/* Ends the word collected so far; it starts with a U+2581. */
static bool flush(const struct vocab *v, struct buf *word, struct tokens *out, struct err *e)
{
    struct str s = buf_view(word);
    size_t before = out->n, at = 0, n;
    uint32_t id;
    if (s.n <= 3)
        return true;
    if (!buf_ok(word, "word", e))
        return false;
    for (; at < s.n; at += n) {
        n = trie_longest(&v->private->wordpiece->words, str_from(s, at), &id);
        if (n == 0)
            break;
        if (!tokens_push(out, id, e))
            return false;
    }
    if (at < s.n) {
        out->n = before;
        if (v->unk != TOKEN_NONE && !tokens_push(out, v->unk, e))
            return false;
    }
    buf_reset(word);
    buf_add(word, BLANK_MARK, 3);
    return true;
}

static bool add_character(const struct vocab *v, uint32_t c, struct buf *word, struct tokens *out,
                          struct err *e)
{
    const struct vocab_private *p = v->private;
    if (p->strip_accents && c >= 0x80)
        c = unicode_base(c);
    if (unicode_is_space(c))
        return flush(v, word, out, e);
    if (c == 0 || c == 0xfffd || unicode_is_control(c) || (p->strip_accents && unicode_is_mark(c)))
        return true;
    bool alone = stands_alone(c);
    if (alone && !flush(v, word, out, e))
        return false;
    buf_utf8(word, p->lowercase ? unicode_lower(c) : c);
    return !alone || flush(v, word, out, e);
}

bool wordpiece_encode(const struct vocab *v, struct str text, struct tokens *out, struct err *e)
{
    struct buf word;
    bool ok = true;
    buf_init(&word, LIMIT_PIECE_BYTES);
    buf_add(&word, BLANK_MARK, 3);
    for (size_t at = 0; ok && at < text.n;)
        ok = add_character(v, str_utf8_next(text, &at), &word, out, e);
    ok = ok && flush(v, &word, out, e);
    buf_clear(&word);
    return ok;
}
