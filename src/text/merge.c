/* SPDX-License-Identifier: Apache-2.0 */
/* text/merge: the heap of pairs, four children a node (see merge.h). */
#include "text/merge.h"

static uint64_t key(const struct merge_entry *x)
{
    return (uint64_t)x->priority << 32 | x->left;
}

static void sift_down(struct merge_heap *h, size_t at, struct merge_entry x)
{
    for (size_t child; (child = 4 * at + 1) < h->n; at = child) {
        size_t end = child + 4 < h->n ? child + 4 : h->n;
        for (size_t i = child + 1; i < end; i++)
            child = key(&h->p[i]) < key(&h->p[child]) ? i : child;
        if (key(&x) <= key(&h->p[child]))
            break;
        h->p[at] = h->p[child];
    }
    h->p[at] = x;
}

void merge_heap_make(struct merge_heap *h)
{
    for (size_t i = h->n / 4 + 1; i-- > 0;)
        if (i < h->n)
            sift_down(h, i, h->p[i]);
}

void merge_heap_push(struct merge_heap *h, struct merge_entry x)
{
    size_t at = h->n++;
    while (at > 0 && key(&x) < key(&h->p[(at - 1) / 4])) {
        h->p[at] = h->p[(at - 1) / 4];
        at = (at - 1) / 4;
    }
    h->p[at] = x;
}

struct merge_entry merge_heap_pop(struct merge_heap *h)
{
    struct merge_entry top = h->p[0];
    if (--h->n)
        sift_down(h, 0, h->p[h->n]);
    return top;
}
