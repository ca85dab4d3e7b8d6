/* SPDX-License-Identifier: Apache-2.0 */
/* text/tokenize: see tokenize.h. Cuts special tokens out and hands the text between them to the
 * family's encoder. */
#include "text/tokenize.h"

#include "base/limits.h"
#include "base/mem.h"
#include "text/vocab_private.h"

void tokens_clear(struct tokens *t)
{
    mem_free(t->id);
    *t = (struct tokens){0};
}

bool tokens_push(struct tokens *t, uint32_t id, struct err *e)
{
    if (t->n == t->cap && !mem_grow(&t->id, t->n, &t->cap, sizeof *t->id, e))
        return false;
    t->id[t->n++] = id;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool encode(const struct vocab *v, struct str text, struct tokens *out, struct err *e)
{
    switch (v->kind) {
    case VOCAB_BPE:
        return bpe_encode(v, text, out, e);
    case VOCAB_SPM:
        return spm_encode(v, text, out, e);
    case VOCAB_WORDPIECE:
        return wordpiece_encode(v, text, out, e);
    case VOCAB_UNIGRAM:
        return unigram_encode(v, text, out, e);
    }
    return false;
}

static bool encode_between(const struct vocab *v, struct str text, bool parse_special,
                           struct tokens *out, struct err *e)
{
    struct special_hit hit;
    size_t at = 0;
    while (special_find(v, text, at, parse_special, &hit)) {
        uint8_t flags = v->private->flags[hit.id];
        struct str left = str_sub(text, at, hit.at - at);
        while (flags & TOKEN_LSTRIP && left.n && is_space(left.p[left.n - 1]))
            left.n--;
        if ((left.n && !encode(v, left, out, e)) || !tokens_push(out, hit.id, e))
            return false;
        at = hit.at + hit.n;
        while (flags & TOKEN_RSTRIP && at < text.n && is_space(text.p[at]))
            at++;
    }
    return at >= text.n || encode(v, str_from(text, at), out, e);
}

static bool push_known(bool wanted, uint32_t id, struct tokens *out, struct err *e)
{
    return !wanted || id == TOKEN_NONE || tokens_push(out, id, e);
}

bool tokenize(const struct vocab *v, struct str text, bool add_special, bool parse_special,
              struct tokens *out, struct err *e)
{
    if (text.n > LIMIT_TEXT_BYTES)
        return fail(e, ERR_LIMIT, "the text is %zu bytes long; at most %llu can be tokenised",
                    text.n, (unsigned long long)LIMIT_TEXT_BYTES);
    bool bert = v->kind == VOCAB_WORDPIECE; /* CLS and SEP belong to every text */
    return push_known(add_special && (v->add_bos || bert), v->bos, out, e) &&
           encode_between(v, text, parse_special, out, e) &&
           push_known(add_special && (v->add_eos || bert), bert ? v->sep : v->eos, out, e);
}
