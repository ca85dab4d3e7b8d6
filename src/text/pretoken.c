/* SPDX-License-Identifier: Apache-2.0 */
/* text/pretoken: see pretoken.h. Stage k asks stage k - 1 for a piece when it has used up its own,
 * so no list of pieces is ever built. */
#include "text/pretoken.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "base/mem.h"
#include "text/unicode.h"

const char PRETOKEN_DIGITS_FROM_RIGHT[] = "digits in threes from the right";
const char PRETOKEN_THREES[] = "cuts before threes from the right";

enum stage_kind { STAGE_PATTERN, STAGE_DIGITS, STAGE_THREES };

struct pretoken {
    uint32_t n;
    bool jit; /* every pattern has machine code */
    struct {
        enum stage_kind kind;
        pcre2_code *code;
    } stage[PRETOKEN_STAGES];
};

static bool compile(struct pretoken *p, const char *pattern, const char *name, struct err *e)
{
    int code;
    size_t at;
    enum stage_kind kind = pattern == PRETOKEN_DIGITS_FROM_RIGHT ? STAGE_DIGITS
                           : pattern == PRETOKEN_THREES          ? STAGE_THREES
                                                                 : STAGE_PATTERN;
    must(p->n < PRETOKEN_STAGES);
    p->stage[p->n].kind = kind;
    p->n++;
    if (kind != STAGE_PATTERN)
        return true;
    pcre2_code *c = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &code, &at, NULL);
    if (!c)
        return fail(e, ERR_INTERNAL, "pre-tokenizer %s: this PCRE2 refuses its pattern (error %d)",
                    name, code);
    p->stage[p->n - 1].code = c;
    p->jit = pcre2_jit_compile(c, PCRE2_JIT_COMPLETE) == 0 && p->jit;
    return true;
}

struct pretoken *pretoken_new(const struct pretoken_name *name, struct err *e)
{
    struct pretoken *p = mem_new(1, sizeof *p, e);
    if (!p)
        return NULL;
    p->jit = true;
    for (size_t i = 0; name->split[i]; i++)
        if (!compile(p, name->split[i], name->name, e)) {
            pretoken_free(p);
            return NULL;
        }
    return p;
}

void pretoken_free(struct pretoken *p)
{
    for (uint32_t i = 0; p && i < p->n; i++)
        pcre2_code_free(p->stage[i].code);
    mem_free(p);
}

bool pretoken_walk_init(struct pretoken_walk *w, const struct pretoken *p, struct str text,
                        struct err *e)
{
    memset(w, 0, sizeof *w);
    w->pre = p;
    w->text = text;
    w->match = pcre2_match_data_create(1, NULL);
    if (!w->match)
        return fail(e, ERR_LIMIT, "not enough memory to split text");
    return true;
}

void pretoken_walk_clear(struct pretoken_walk *w)
{
    pcre2_match_data_free(w->match);
    w->match = NULL;
}

/* --- the text: runs of UTF-8 and runs of other bytes ---------------------------------------------
 */

static bool is_character(struct str s, size_t at, size_t *next)
{
    *next = at;
    return str_utf8_next(s, next) != 0xfffd || *next - at == 3;
}

/* Skips eight ASCII bytes at a time. */
static size_t skip_ascii(struct str s, size_t at)
{
    uint64_t word;
    for (; at + 8 <= s.n; at += 8) {
        memcpy(&word, s.p + at, 8);
        if (word & 0x8080808080808080u)
            break;
    }
    while (at < s.n && (unsigned char)s.p[at] < 0x80)
        at++;
    return at;
}

static bool next_run(struct pretoken_walk *w, struct str *run, bool *raw)
{
    size_t from = w->at, next;
    if (from >= w->text.n)
        return false;
    *raw = !is_character(w->text, from, &next);
    if (*raw)
        for (w->at = next; w->at < w->text.n && !is_character(w->text, w->at, &next); w->at = next)
            ;
    else
        while ((w->at = skip_ascii(w->text, w->at)) < w->text.n &&
               is_character(w->text, w->at, &next))
            w->at = next;
    *run = str_sub(w->text, from, w->at - from);
    return true;
}

/* --- digits --------------------------------------------------------------------------------------
 */

/* From *at on: passes what is not a digit, leaves *at at the run of digits and counts it. */
static size_t count_digits(struct str s, size_t *at)
{
    size_t n = 0;
    for (size_t here = *at, next = here; here < s.n; here = next) {
        if (unicode_is_number(str_utf8_next(s, &next))) {
            if (n++ == 0)
                *at = here;
        } else if (n) {
            break;
        }
    }
    return n;
}

/* The end of the piece that starts at s->at: the first one or two digits of a run (so that threes
 * are left) with what stands before them, then threes. llama.cpp does not part the text before a
 * run from it either; the patterns that follow do. */
static size_t digits_end(struct pretoken_stage *s)
{
    size_t at = s->at;
    if (s->digits == 0)
        s->digits = count_digits(s->piece, &at);
    if (s->digits == 0)
        return s->piece.n;
    size_t n = s->digits % 3 ? s->digits % 3 : 3;
    s->digits -= n;
    while (n--)
        str_utf8_next(s->piece, &at);
    return at;
}

static bool is_ascii_digit(struct str s, size_t at)
{
    return at < s.n && s.p[at] >= '0' && s.p[at] <= '9';
}

/* The next place after s->at from which the digits left in a run are a multiple of three. */
static size_t threes_end(struct pretoken_stage *s)
{
    size_t at = s->at;
    for (; at < s->piece.n; at++) {
        if (s->digits == 0)
            while (is_ascii_digit(s->piece, at + s->digits))
                s->digits++;
        if (at > s->at && s->digits && s->digits % 3 == 0)
            return at;
        if (s->digits)
            s->digits--;
    }
    return at;
}

/* --- stages --------------------------------------------------------------------------------------
 */

/* The first match in s->piece from s->at on; false: none. */
static bool match(struct pretoken_walk *w, uint32_t k, size_t *from, size_t *to, struct err *e)
{
    struct pretoken_stage *s = &w->stage[k];
    const pcre2_code *code = w->pre->stage[k].code;
    PCRE2_SPTR p = (PCRE2_SPTR)s->piece.p;
    int rc = w->pre->jit
                 ? pcre2_jit_match(code, p, s->piece.n, s->at, 0, w->match, NULL)
                 : pcre2_match(code, p, s->piece.n, s->at, PCRE2_NO_UTF_CHECK, w->match, NULL);
    if (rc == PCRE2_ERROR_NOMATCH)
        return false;
    if (rc < 0) {
        w->failed = true;
        return fail(e, ERR_LIMIT, "text of %zu bytes cannot be split (PCRE2 error %d)", s->piece.n,
                    rc);
    }
    const size_t *v = pcre2_get_ovector_pointer(w->match);
    *from = v[0];
    *to = v[1];
    return *to > *from;
}

/* The end of the next piece of stage k, which starts at its `at`; 0 on failure. */
static size_t piece_end(struct pretoken_walk *w, uint32_t k, struct err *e)
{
    struct pretoken_stage *s = &w->stage[k];
    size_t from = 0, to = 0;
    if (s->raw)
        return s->piece.n;
    if (w->pre->stage[k].kind == STAGE_DIGITS)
        return digits_end(s);
    if (w->pre->stage[k].kind == STAGE_THREES)
        return threes_end(s);
    if (s->to > s->at)
        return s->to; /* the match found behind the gap */
    if (!match(w, k, &from, &to, e))
        return w->failed ? 0 : s->piece.n;
    s->to = to;
    return from > s->at ? from : to;
}

/* Depth is bounded by PRETOKEN_STAGES. */
static bool next_of(struct pretoken_walk *w, uint32_t k, struct str *piece, bool *raw,
                    struct err *e)
{
    if (k == 0)
        return next_run(w, piece, raw);
    struct pretoken_stage *s = &w->stage[k - 1];
    if (s->at >= s->piece.n) {
        *s = (struct pretoken_stage){0};
        if (!next_of(w, k - 1, &s->piece, &s->raw, e))
            return false;
    }
    size_t end = piece_end(w, k - 1, e);
    if (end == 0)
        return false;
    *piece = str_sub(s->piece, s->at, end - s->at);
    *raw = s->raw;
    s->at = end;
    return true;
}

bool pretoken_next(struct pretoken_walk *w, struct str *piece, struct err *e)
{
    bool raw = false;
    return next_of(w, w->pre->n, piece, &raw, e);
}
