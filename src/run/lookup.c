/* SPDX-License-Identifier: Apache-2.0 */
/* run/lookup: see lookup.h.
 *
 * (I1) A state stands for the endings that occur at the same places; its longest has `len` tokens.
 * (I2) link is the state of the longest ending that occurs at more places; state 0 is the empty
 * one. (I3) `end` is the number of tokens up to the end of one of its places, never the newest one
 * of the whole text unless there is no other. */
#include "run/lookup.h"

#include <string.h>

#include "base/mem.h"

#define NONE UINT32_MAX

struct state {
    uint32_t len, link, end;
    uint32_t edges; /* first of its edges */
};

struct edge {
    uint32_t token, from, to;
    uint32_t next; /* of the same state */
};

struct lookup {
    uint32_t max, n;     /* tokens */
    uint32_t *token;     /* [max] */
    struct state *state; /* [2 max + 1] */
    struct edge *edge;   /* [3 max] */
    uint32_t *slot;      /* [mask + 1] hash table of edges by (state, token); NONE: empty */
    uint32_t mask, n_states, n_edges;
    uint32_t last;           /* the state of the whole text */
    uint32_t match, n_match; /* the ending that has been there before: its state and length */
};

static uint32_t slots_for(uint32_t max)
{
    uint32_t n = 16;
    while (n < 4 * max) /* 3 max edges at most */
        n *= 2;
    return n;
}

uint64_t lookup_bytes(uint32_t max)
{
    return (uint64_t)max * (sizeof(uint32_t) + 2 * sizeof(struct state) + 3 * sizeof(struct edge)) +
           (uint64_t)slots_for(max) * sizeof(uint32_t);
}

struct lookup *lookup_new(uint32_t max, struct err *e)
{
    struct lookup *k = mem_new(1, sizeof *k, e);
    if (!k)
        return NULL;
    *k = (struct lookup){.max = max, .mask = slots_for(max) - 1};
    k->token = mem_new(max, sizeof *k->token, e);
    k->state = mem_new(2 * (size_t)max + 1, sizeof *k->state, e);
    k->edge = mem_new(3 * (size_t)max, sizeof *k->edge, e);
    k->slot = mem_new(k->mask + 1u, sizeof *k->slot, e);
    if (k->token && k->state && k->edge && k->slot) {
        lookup_reset(k);
        return k;
    }
    lookup_free(k);
    return NULL;
}

void lookup_free(struct lookup *k)
{
    if (!k)
        return;
    mem_free(k->token);
    mem_free(k->state);
    mem_free(k->edge);
    mem_free(k->slot);
    mem_free(k);
}

void lookup_reset(struct lookup *k)
{
    memset(k->slot, 0xff, (k->mask + 1u) * sizeof *k->slot);
    k->n = k->n_edges = k->last = k->match = k->n_match = 0;
    k->n_states = 1;
    k->state[0] = (struct state){.link = NONE, .edges = NONE};
}

/* --- edges ----------------------------------------------------------------------------------- */

static uint32_t home(const struct lookup *k, uint32_t state, uint32_t token)
{
    uint64_t h = ((uint64_t)state << 32 | token) * 0x9e3779b97f4a7c15ull;
    return (uint32_t)(h >> 33) & k->mask;
}

static struct edge *find(const struct lookup *k, uint32_t state, uint32_t token)
{
    for (uint32_t i = home(k, state, token); k->slot[i] != NONE; i = (i + 1) & k->mask) {
        struct edge *e = &k->edge[k->slot[i]];
        if (e->from == state && e->token == token)
            return e;
    }
    return NULL;
}

static void add_edge(struct lookup *k, uint32_t from, uint32_t token, uint32_t to)
{
    uint32_t i = home(k, from, token);
    while (k->slot[i] != NONE)
        i = (i + 1) & k->mask;
    k->slot[i] = k->n_edges;
    k->edge[k->n_edges] = (struct edge){token, from, to, k->state[from].edges};
    k->state[from].edges = k->n_edges++;
}

/* --- growing --------------------------------------------------------------------------------- */

/* A copy of state q for its endings of `len` tokens and less, which occur at a new place too. */
static uint32_t split(struct lookup *k, uint32_t p, uint32_t q, uint32_t token, uint32_t len)
{
    uint32_t copy = k->n_states++;
    k->state[copy] = (struct state){len, k->state[q].link, k->state[q].end, NONE};
    for (uint32_t i = k->state[q].edges; i != NONE; i = k->edge[i].next)
        add_edge(k, copy, k->edge[i].token, k->edge[i].to);
    for (struct edge *e; p != NONE && (e = find(k, p, token)) && e->to == q; p = k->state[p].link)
        e->to = copy;
    k->state[q].link = copy;
    return copy;
}

/* The automaton of the text with one token more. */
static void extend(struct lookup *k, uint32_t token)
{
    uint32_t cur = k->n_states++, p = k->last;
    struct edge *e = NULL;
    k->state[cur] = (struct state){k->state[p].len + 1, 0, k->n, NONE};
    for (; p != NONE && !(e = find(k, p, token)); p = k->state[p].link)
        add_edge(k, p, token, cur);
    k->last = cur;
    if (p == NONE)
        return;
    uint32_t q = e->to, len = k->state[p].len + 1;
    k->state[cur].link = k->state[q].len == len ? q : split(k, p, q, token, len);
}

/* The longest ending, with this token, of which there is an earlier place. */
static void follow(struct lookup *k, uint32_t token)
{
    struct edge *e;
    while (!(e = find(k, k->match, token)) && k->match) {
        k->match = k->state[k->match].link;
        k->n_match = k->state[k->match].len;
    }
    k->n_match = e ? k->n_match + 1 : 0;
    k->match = e ? e->to : 0;
}

static void forget_half(struct lookup *k)
{
    uint32_t keep = k->max / 2, from = k->n - keep;
    memmove(k->token, k->token + from, keep * sizeof *k->token);
    lookup_reset(k);
    for (uint32_t i = 0; i < keep; i++)
        lookup_add(k, k->token[i]);
}

void lookup_add(struct lookup *k, uint32_t token)
{
    if (k->max < 2)
        return;
    if (k->n == k->max)
        forget_half(k);
    if (k->match)
        k->state[k->match].end = k->n; /* it stands here too */
    follow(k, token);
    k->token[k->n++] = token;
    extend(k, token);
    /* a copy that was split off has the shorter endings of the match's state now */
    while (k->match && k->n_match <= k->state[k->state[k->match].link].len)
        k->match = k->state[k->match].link;
}

uint32_t lookup_matched(const struct lookup *k)
{
    return k->n_match;
}

uint32_t lookup_next(const struct lookup *k, uint32_t n, uint32_t *token)
{
    if (k->n_match == 0)
        return 0;
    uint32_t from = k->state[k->match].end, there = k->n - from;
    n = n < there ? n : there;
    memcpy(token, k->token + from, n * sizeof *token);
    return n;
}
