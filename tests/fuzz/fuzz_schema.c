/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes JSON Schemas: the input is a schema and, after a line "#text", a text. The first byte of
 * the schema chooses the reading. What is accepted must give the text the same verdict twice, and
 * what it accepts must be JSON; nothing may take long. */
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/limits.h"
#include "text/automaton.h"

#define MOST_SECONDS 6.0 /* of CPU, with sanitizers that slow us down twentyfold */

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The shortest text that is allowed, byte by byte, must be JSON. */
static void write_shortest(const struct grammar *g)
{
    struct err e = {0};
    struct buf out;
    struct automaton *a = automaton_new(g, &e);
    uint32_t state = a ? automaton_start(a) : 0, to;
    buf_init(&out, 4096);
    while (a && automaton_left(a, state) && out.n < 200) {
        uint32_t left = automaton_left(a, state);
        unsigned b = 0;
        for (; b < 256; b++)
            if (!automaton_step(a, state, (unsigned char)b, &to, &e) ||
                (to != AUTOMATON_DEAD && automaton_left(a, to) < left))
                break;
        must(b < 256);
        if (e.code)
            break;
        buf_byte(&out, (char)b);
        state = to;
    }
    if (a && !e.code && automaton_left(a, state) == 0) {
        json_error_t why;
        json_t *j = json_loadb(buf_c(&out), out.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
        must(j || strstr(why.text, "big") || strstr(why.text, "range"));
        json_decref(j);
    }
    automaton_free(a);
    buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    struct str source = {(const char *)p, n}, text = STR("");
    struct schema_options o = {.llama = n && p[0] == ' '};
    struct err e = {0};
    size_t at = str_find(source, STR("\n#text\n"));
    if (at != SIZE_MAX) {
        text = str_from(source, at + 7);
        source.n = at;
    }
    double start = cpu_seconds();
    struct grammar *g = grammar_from_schema(source, &o, &e);
    must(g || e.msg[0]);
    if (g) {
        struct grammar_verdict v, again;
        bool ok = grammar_match(g, text, &v, &e);
        must(ok == grammar_match(g, text, &again, &e));
        must(!ok || (v.accepted == again.accepted && v.at == again.at));
        write_shortest(g);
    }
    grammar_free(g);
    must(cpu_seconds() - start < MOST_SECONDS);
    return 0;
}
