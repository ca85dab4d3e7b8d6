/* SPDX-License-Identifier: Apache-2.0 */
/* text/grammar_object: what an object in progress must still get.
 *
 * Its required members, those that a member it has asks for (dependentRequired), and, up to the
 * least number of keys, any others: further keys where the object allows them, else the first
 * members it does not have yet. */
#include <string.h>

#include "text/grammar_code.h"

struct wanted {
    const struct grammar *g;
    const struct grammar_object *o;
    uint64_t in[GRAMMAR_MEMBER_WORDS]; /* had or wanted */
    uint16_t todo[GRAMMAR_MEMBER_WORDS * 64];
    uint32_t n_todo;
    struct grammar_missing *out;
};

static bool has(const uint64_t *set, uint32_t i)
{
    return set[i / 64] >> i % 64 & 1;
}

static bool want(struct wanted *w, uint32_t i)
{
    uint32_t bytes = w->g->shortest[w->g->rule[w->g->member[w->o->member + i].rule].start];
    if (has(w->in, i))
        return true;
    if (bytes == GRAMMAR_ALWAYS)
        return false;
    w->in[i / 64] |= 1ull << i % 64;
    w->out->n++;
    w->out->bytes += bytes;
    w->todo[w->n_todo++] = (uint16_t)i;
    return true;
}

static bool want_needs(struct wanted *w, uint32_t i)
{
    const struct grammar_member *m = &w->g->member[w->o->member + i];
    for (uint32_t k = 0; k < m->n_need; k++)
        if (!want(w, w->g->need[m->need + k]))
            return false;
    return true;
}

static bool fill(struct wanted *w, uint32_t n)
{
    const struct grammar_object *o = w->o;
    for (uint32_t i = 0; i < o->n_member && n; i++) {
        const struct grammar_member *m = &w->g->member[o->member + i];
        uint32_t bytes = w->g->shortest[w->g->rule[m->rule].start];
        if (bytes == GRAMMAR_ALWAYS || m->n_need || (!m->repeats && has(w->in, i)))
            continue;
        uint32_t times = m->repeats ? n : 1;
        w->out->n += times;
        w->out->bytes += (uint64_t)times * bytes;
        n -= times;
    }
    return n == 0;
}

bool grammar_object_missing(const struct grammar *g, const struct grammar_object *o,
                            const uint64_t *in, uint32_t count, struct grammar_missing *out)
{
    struct wanted w = {.g = g, .o = o, .out = out};
    *out = (struct grammar_missing){0};
    memcpy(w.in, in, sizeof w.in);
    for (uint32_t i = 0; i < o->n_member; i++) {
        if (g->member[o->member + i].required && !want(&w, i))
            return false;
        if (has(in, i) && !want_needs(&w, i))
            return false;
    }
    while (w.n_todo)
        if (!want_needs(&w, w.todo[--w.n_todo]))
            return false;
    uint32_t have = count + out->n;
    if (have < o->min && !fill(&w, o->min - have))
        return false;
    if (o->max != GRAMMAR_ALWAYS && (uint64_t)count + out->n > o->max)
        return false;
    out->bytes += count ? out->n : out->n ? out->n - 1 : 0; /* commas */
    return true;
}
