/* SPDX-License-Identifier: Apache-2.0 */
/* text/merge: the greedy pair merging that BPE and SentencePiece share.
 *
 * A piece of text starts as a row of symbols. Again and again the pair of neighbours with the
 * lowest priority value (of equal ones the leftmost) becomes one symbol, until no pair is left
 * that may merge. Which pairs may, with what priority and to what, the caller's `pair` says.
 *
 * O(n log n): short rows are searched for their minimum (faster than any queue), long ones keep
 * the pairs in a queue. The body for short rows is inlined with `pair` a constant, so that it is
 * not an indirect call. */
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

/* The pairs of a short row: key is priority, then place (so the leftmost of equals is the least).
 */
struct merge_short {
    uint64_t key[MERGE_SHORT + 4]; /* of the pair that starts at each symbol; MERGE_NONE: none */
    uint32_t id[MERGE_SHORT];      /* what it becomes */
    uint8_t prev[MERGE_SHORT], next[MERGE_SHORT];
};

#define MERGE_NONE UINT64_MAX

MERGE_INLINE void merge_look(const void *arg, const char *text, merge_pair *pair,
                             const struct symbol *s, struct merge_short *m, size_t left,
                             size_t right)
{
    uint32_t priority;
    m->key[left] = pair(arg, text, &s[left], &s[right], &priority, &m->id[left])
                       ? (uint64_t)priority << 32 | left
                       : MERGE_NONE;
}

/* The least key. Four at a time: the comparisons of one need not wait for the other. */
MERGE_INLINE uint64_t merge_least(const uint64_t *key, size_t n)
{
    uint64_t a = MERGE_NONE, b = MERGE_NONE, c = MERGE_NONE, d = MERGE_NONE;
    for (size_t i = 0; i < n; i += 4) {
        a = key[i] < a ? key[i] : a;
        b = key[i + 1] < b ? key[i + 1] : b;
        c = key[i + 2] < c ? key[i + 2] : c;
        d = key[i + 3] < d ? key[i + 3] : d;
    }
    a = b < a ? b : a;
    c = d < c ? d : c;
    return c < a ? c : a;
}

/* Symbols that are merged away get n = 0. */
MERGE_INLINE void merge_short(const void *arg, const char *text, merge_pair *pair, struct symbol *s,
                              size_t n)
{
    struct merge_short m;
    for (size_t i = 0; i < n; i++) {
        m.prev[i] = (uint8_t)(i - 1);
        m.next[i] = (uint8_t)(i + 1);
        if (i + 1 < n)
            merge_look(arg, text, pair, s, &m, i, i + 1);
    }
    for (size_t i = n - 1; i < n + 3; i++)
        m.key[i] = MERGE_NONE;
    for (uint64_t least; (least = merge_least(m.key, n)) != MERGE_NONE;) {
        size_t left = least & UINT8_MAX, right = m.next[left], next = m.next[right];
        s[left].n += s[right].n;
        s[left].id = m.id[left];
        s[right].n = 0;
        m.key[left] = m.key[right] = MERGE_NONE;
        m.next[left] = (uint8_t)next;
        if (next < n) {
            m.prev[next] = (uint8_t)left;
            merge_look(arg, text, pair, s, &m, left, next);
        }
        if (left)
            merge_look(arg, text, pair, s, &m, m.prev[left], left);
    }
}

/* The same for rows of any length: merge.c. */
bool merge_long(const void *arg, const char *text, merge_pair *pair, struct symbol *s, size_t n,
                struct err *e) MUST_USE;

/* Merges the *n symbols of text in place and squeezes out what was merged away; *n: what is left.
 */
MERGE_INLINE bool merge_row(const void *arg, const char *text, merge_pair *pair, struct symbol *s,
                            size_t *n, struct err *e)
{
    size_t left = 0;
    if (*n > MERGE_SHORT) {
        if (!merge_long(arg, text, pair, s, *n, e))
            return false;
    } else if (*n > 1) {
        merge_short(arg, text, pair, s, *n);
    }
    for (size_t i = 0; i < *n; i++)
        if (s[i].n)
            s[left++] = s[i];
    *n = left;
    return true;
}

#endif
