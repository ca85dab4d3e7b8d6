/* SPDX-License-Identifier: Apache-2.0 */
/* text/grammar_match: a whole text against a grammar, without a vocabulary. */
#include "text/automaton.h"
#include "text/grammar_code.h"

static bool mentions_tokens(const struct grammar *g)
{
    for (uint32_t i = 0; i < g->n_node; i++)
        if (g->node[i].op == GRAMMAR_TOKEN || g->node[i].op == GRAMMAR_NOT_TOKEN)
            return true;
    return false;
}

/* "<[10]>" at the start of text: its length and number. */
static size_t read_token(struct str text, uint32_t *id)
{
    uint64_t n;
    size_t end = str_find(text, STR("]>"));
    if (!str_starts(text, STR("<[")) || end == SIZE_MAX ||
        !str_to_u64(str_sub(text, 2, end - 2), &n) || n >= UINT32_MAX)
        return 0;
    *id = (uint32_t)n;
    return end + 2;
}

static bool match(struct automaton *a, bool tokens, struct str text, struct grammar_verdict *out,
                  struct err *e)
{
    uint32_t state = automaton_start(a), to;
    for (size_t at = 0; at < text.n; state = to) {
        out->at = at;
        uint32_t id = UINT32_MAX;
        size_t n = tokens ? read_token(str_sub(text, at, 32), &id) : 0;
        struct str bytes = {text.p + at, 0};
        if (n == 0) {
            str_utf8_next(text, &at);
            bytes.n = at - out->at;
        }
        at = out->at + n + bytes.n;
        if (!automaton_token(a, state, id, bytes, &to, e))
            return false;
        if (to == AUTOMATON_DEAD)
            return true;
        if (automaton_full(a) && !automaton_trim(a, &to, 1, e))
            return false;
    }
    out->at = text.n;
    out->accepted = automaton_accepts(a, state);
    return true;
}

bool grammar_match(const struct grammar *g, struct str text, struct grammar_verdict *out,
                   struct err *e)
{
    *out = (struct grammar_verdict){0};
    struct automaton *a = automaton_new(g, e);
    bool ok = a && match(a, mentions_tokens(g), text, out, e);
    automaton_free(a);
    return ok;
}
