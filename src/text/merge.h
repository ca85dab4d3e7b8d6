/* SPDX-License-Identifier: Apache-2.0 */
/* text/merge: the greedy pair merging that BPE and SentencePiece share.
 *
 * A piece of text starts as a row of symbols. Again and again the pair of neighbours with the
 * lowest priority value (of equal ones the leftmost) becomes one symbol, until no pair is left
 * that may merge. Which pairs may, with what priority and to what, the caller's `pair` says.
 *
 * O(n log n): short rows are searched for their minimum (faster than any queue), long ones keep
 * the pairs in a heap; entries that a neighbour's merge made stale are recognised by their length.
 * The bodies are inlined with `pair` a constant, so it is not an indirect call. */
#ifndef MOAT_TEXT_MERGE_H
#define MOAT_TEXT_MERGE_H

#include <string.h>

#include "base/mem.h"

struct symbol {
    uint32_t at, n; /* bytes of the piece it covers */
    uint32_t id;    /* the caller's */
};

/* True when a and b, its neighbour, may merge; gives the priority (lowest first) and the new id. */
typedef bool merge_pair(const void *arg, const char *text, const struct symbol *a,
                        const struct symbol *b, uint32_t *priority, uint32_t *id);

enum { MERGE_SHORT = 96 };

#define MERGE_INLINE static inline __attribute__((always_inline))

struct merge_short_pair {
    uint32_t priority, id; /* of the pair (i, i + 1); UINT32_MAX: none */
};

MERGE_INLINE void merge_look(const void *arg, const char *text, merge_pair *pair,
                             const struct symbol *s, size_t n, struct merge_short_pair *p)
{
    p->priority = UINT32_MAX;
    if (n > 1 && !pair(arg, text, &s[0], &s[1], &p->priority, &p->id))
        p->priority = UINT32_MAX;
}

/* Merges s[0, n), n <= MERGE_SHORT, in place; returns how many are left. */
MERGE_INLINE size_t merge_short(const void *arg, const char *text, merge_pair *pair,
                                struct symbol *s, size_t n)
{
    struct merge_short_pair p[MERGE_SHORT];
    for (size_t i = 0; i < n; i++)
        merge_look(arg, text, pair, s + i, n - i, &p[i]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            best = p[i].priority < p[best].priority ? i : best;
        if (p[best].priority == UINT32_MAX)
            break;
        s[best].n += s[best + 1].n;
        s[best].id = p[best].id;
        n--;
        memmove(&s[best + 1], &s[best + 2], (n - best - 1) * sizeof *s);
        memmove(&p[best + 1], &p[best + 2], (n - best - 1) * sizeof *p);
        merge_look(arg, text, pair, s + best, n - best, &p[best]);
        if (best)
            merge_look(arg, text, pair, s + best - 1, n - best + 1, &p[best - 1]);
    }
    return n;
}

struct merge_entry {
    uint32_t priority, left; /* order of the heap */
    uint32_t n, id;          /* bytes of the pair when it was found, and what it becomes */
};

struct merge_heap {
    struct merge_entry *p;
    size_t n;
};

/* The heap for rows longer than MERGE_SHORT: merge.c. */
void merge_heap_make(struct merge_heap *h); /* of entries in any order */
void merge_heap_push(struct merge_heap *h, struct merge_entry x);
struct merge_entry merge_heap_pop(struct merge_heap *h);

MERGE_INLINE void merge_offer(const void *arg, const char *text, merge_pair *pair,
                              const struct symbol *s, uint32_t left, uint32_t right,
                              struct merge_heap *h, bool building)
{
    struct merge_entry x = {.left = left, .n = s[left].n + s[right].n};
    if (!pair(arg, text, &s[left], &s[right], &x.priority, &x.id))
        return;
    if (building)
        h->p[h->n++] = x;
    else
        merge_heap_push(h, x);
}

/* link: [n] of previous and [n] of next symbols; h: room for 2 n entries. Symbols that were merged
 * away have n = 0. */
MERGE_INLINE void merge_long(const void *arg, const char *text, merge_pair *pair, struct symbol *s,
                             size_t n, uint32_t *link, struct merge_heap *h)
{
    uint32_t *prev = link, *next = link + n, last = (uint32_t)n - 1;
    for (uint32_t i = 0; i <= last; i++) {
        prev[i] = i - 1;
        next[i] = i + 1;
        if (i < last)
            merge_offer(arg, text, pair, s, i, i + 1, h, true);
    }
    merge_heap_make(h);
    while (h->n) {
        struct merge_entry x = merge_heap_pop(h);
        uint32_t left = x.left, right = next[left];
        if (s[left].n == 0 || right > last || s[left].n + s[right].n != x.n)
            continue;
        s[left].n = x.n;
        s[left].id = x.id;
        s[right].n = 0;
        next[left] = next[right];
        if (next[left] <= last) {
            prev[next[left]] = left;
            merge_offer(arg, text, pair, s, left, next[left], h, false);
        }
        if (left > 0)
            merge_offer(arg, text, pair, s, prev[left], left, h, false);
    }
}

/* Merges the n symbols of text in place and squeezes out what was merged away; *n: what is left. */
MERGE_INLINE bool merge_row(const void *arg, const char *text, merge_pair *pair, struct symbol *s,
                            size_t *n, struct err *e)
{
    if (*n <= MERGE_SHORT) {
        *n = merge_short(arg, text, pair, s, *n);
        return true;
    }
    size_t left = 0;
    struct merge_heap h = {.p = mem_new(*n, 2 * sizeof *h.p, e)};
    uint32_t *link = mem_new(*n, 2 * sizeof *link, e);
    bool ok = h.p && link;
    if (ok)
        merge_long(arg, text, pair, s, *n, link, &h);
    mem_free(h.p);
    mem_free(link);
    for (size_t i = 0; ok && i < *n; i++)
        if (s[i].n)
            s[left++] = s[i];
    *n = left;
    return ok;
}

#endif
