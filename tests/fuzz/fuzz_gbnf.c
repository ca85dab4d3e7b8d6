/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes grammars: the input is GBNF and, after a line "#text", a text. What is accepted must give
 * the text the same verdict twice, must say how an answer can be completed, and nothing may take
 * long. */
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "text/automaton.h"

#define MOST_SECONDS 4.0 /* of CPU, with sanitizers that slow us down twentyfold */

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* From every state that is met, a byte leads closer to the end, until it is there. */
static void finish(struct automaton *a, uint32_t state)
{
    struct err e = {0};
    for (unsigned steps = 0; automaton_left(a, state) && steps < 64; steps++) {
        uint32_t left = automaton_left(a, state), best = AUTOMATON_DEAD;
        if (automaton_has_mentions(a, state))
            return;
        for (unsigned b = 0; b < 256; b++) {
            uint32_t to;
            if (!automaton_step(a, state, (unsigned char)b, &to, &e))
                return;
            if (to != AUTOMATON_DEAD && automaton_left(a, to) < left)
                best = to;
        }
        must(best != AUTOMATON_DEAD);
        state = best;
    }
}

static void walk(const struct grammar *g, struct str text)
{
    struct err e = {0};
    struct automaton *a = automaton_new(g, &e);
    if (!a)
        return;
    uint32_t state = automaton_start(a), to;
    for (size_t i = 0; i < text.n && i < 64; i++, state = to) {
        must(state != AUTOMATON_DEAD);
        must(automaton_accepts(a, state) == (automaton_left(a, state) == 0));
        finish(a, state);
        if (!automaton_step(a, state, (unsigned char)text.p[i], &to, &e) || to == AUTOMATON_DEAD)
            break;
        if (i % 16 == 15)
            must(automaton_trim(a, &to, 1, &e));
    }
    automaton_free(a);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct str source = {(const char *)p, n}, text = STR("");
    struct err e = {0};
    size_t at = str_find(source, STR("\n#text\n"));
    if (at != SIZE_MAX) {
        text = str_from(source, at + 7);
        source.n = at;
    }
    double start = cpu_seconds();
    struct grammar *g = grammar_from_gbnf(source, NULL, NULL, &e);
    must(g || e.msg[0]);
    if (g) {
        struct grammar_verdict v, again;
        bool ok = grammar_match(g, text, &v, &e);
        must(ok == grammar_match(g, text, &again, &e));
        must(!ok || (v.accepted == again.accepted && v.at == again.at));
        walk(g, text);
    }
    grammar_free(g);
    must(cpu_seconds() - start < MOST_SECONDS);
    return 0;
}
