/* SPDX-License-Identifier: Apache-2.0 */
/* text/trie: see trie.h. Built breadth first from the sorted keys: each node stands for a range of
 * keys that share a prefix, and its children split that range. */
#include "text/trie.h"

#include <stdlib.h>

#include "base/mem.h"

struct trie_node {
    uint32_t first;   /* index of the first child */
    uint32_t n_child; /* 0..256 */
    uint32_t value;
};

struct range {
    uint32_t lo, hi, depth; /* keys[lo, hi) agree in their first `depth` bytes */
};

static int by_text(const void *a, const void *b)
{
    const struct trie_key *x = a, *y = b;
    int c = str_cmp(x->text, y->text);
    return c ? c : (x->value > y->value) - (x->value < y->value);
}

/* Room for one more node; the three arrays grow together. */
static bool grow(struct trie *t, struct range **ranges, size_t cap[3], struct err *e)
{
    return mem_grow(&t->nodes, t->n, &cap[0], sizeof *t->nodes, e) &&
           mem_grow(&t->label, t->n, &cap[1], sizeof *t->label, e) &&
           mem_grow(ranges, t->n, &cap[2], sizeof **ranges, e);
}

static bool add_children(struct trie *t, uint32_t node, const struct trie_key *keys,
                         struct range **ranges, size_t cap[3], struct err *e)
{
    struct range r = (*ranges)[node];
    t->nodes[node].first = t->n;
    t->nodes[node].value = TRIE_NONE;
    while (r.lo < r.hi && keys[r.lo].text.n == r.depth)
        t->nodes[node].value = keys[r.lo++].value;
    while (r.lo < r.hi) {
        char c = keys[r.lo].text.p[r.depth];
        uint32_t end = r.lo + 1;
        while (end < r.hi && keys[end].text.p[r.depth] == c)
            end++;
        if (t->n == UINT32_MAX)
            return fail(e, ERR_LIMIT, "the vocabulary is too large");
        if (!grow(t, ranges, cap, e))
            return false;
        t->label[t->n] = (unsigned char)c;
        (*ranges)[t->n++] = (struct range){r.lo, end, r.depth + 1};
        t->nodes[node].n_child++;
        r.lo = end;
    }
    return true;
}

bool trie_build(struct trie *t, struct trie_key *keys, size_t n, struct err *e)
{
    struct range *ranges = NULL;
    size_t cap[3] = {0};
    *t = (struct trie){0};
    must(n < UINT32_MAX);
    if (n == 0)
        return true;
    qsort(keys, n, sizeof *keys, by_text);
    bool ok = grow(t, &ranges, cap, e);
    if (ok) {
        ranges[0] = (struct range){0, (uint32_t)n, 0};
        t->n = 1;
    }
    for (uint32_t node = 0; ok && node < t->n; node++)
        ok = add_children(t, node, keys, &ranges, cap, e);
    mem_free(ranges);
    if (!ok)
        trie_clear(t);
    return ok;
}

void trie_clear(struct trie *t)
{
    mem_free(t->nodes);
    mem_free(t->label);
    *t = (struct trie){0};
}

uint32_t trie_step(const struct trie *t, uint32_t node, unsigned char c)
{
    if (t->n == 0)
        return 0;
    uint32_t lo = t->nodes[node].first, hi = lo + t->nodes[node].n_child;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (t->label[mid] == c)
            return mid;
        if (t->label[mid] < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0;
}

uint32_t trie_value(const struct trie *t, uint32_t node)
{
    return t->n ? t->nodes[node].value : TRIE_NONE;
}

size_t trie_longest(const struct trie *t, struct str s, uint32_t *value)
{
    size_t longest = 0;
    uint32_t node = 0;
    for (size_t i = 0; i < s.n && (node = trie_step(t, node, (unsigned char)s.p[i])); i++)
        if (t->nodes[node].value != TRIE_NONE) {
            longest = i + 1;
            *value = t->nodes[node].value;
        }
    return longest;
}
