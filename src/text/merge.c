/* SPDX-License-Identifier: Apache-2.0 */
/* text/merge: long rows (see merge.h).
 *
 * The queue of pairs is a sorted run, read in order, beside a heap that takes new pairs; the next
 * pair is the lesser of the two fronts. When the run is used up and the heap is large, the heap
 * becomes the next run. Merging makes mostly pairs of later priority, so a text of one repeated
 * character goes through a few sorted runs in the order of memory; the worst case is the heap's.
 * Pairs that a neighbour's merge made stale stay in the queue and are known by their length. */
#include "text/merge.h"

enum { RUN_MIN = 4096, DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, KEY_BITS = 64 };

struct entry {
    uint32_t left, priority; /* in order, lowest first: priority, then left */
    uint32_t n, id;          /* bytes of the pair when it was found, and what it becomes */
};

struct queue {
    struct entry *heap, *run; /* four children a node; sorted, read from `at` */
    size_t n_heap, n_run, at;
};

static uint64_t key(const struct entry *x)
{
    return (uint64_t)x->priority << 32 | x->left;
}

static void heap_push(struct queue *q, struct entry x)
{
    size_t at = q->n_heap++;
    while (at > 0 && key(&x) < key(&q->heap[(at - 1) / 4])) {
        q->heap[at] = q->heap[(at - 1) / 4];
        at = (at - 1) / 4;
    }
    q->heap[at] = x;
}

static struct entry heap_pop(struct queue *q)
{
    struct entry top = q->heap[0], x = q->heap[--q->n_heap];
    size_t at = 0;
    for (size_t child; (child = 4 * at + 1) < q->n_heap; at = child) {
        size_t end = child + 4 < q->n_heap ? child + 4 : q->n_heap;
        for (size_t i = child + 1; i < end; i++)
            child = key(&q->heap[i]) < key(&q->heap[child]) ? i : child;
        if (key(&x) <= key(&q->heap[child]))
            break;
        q->heap[at] = q->heap[child];
    }
    q->heap[at] = x;
    return top;
}

/* One pass of a radix sort. */
static void sort_digit(const struct entry *from, struct entry *to, size_t n, unsigned shift)
{
    size_t start[DIGITS] = {0}, sum = 0;
    for (size_t i = 0; i < n; i++)
        start[key(&from[i]) >> shift & (DIGITS - 1)]++;
    for (size_t d = 0; d < DIGITS; d++) {
        size_t count = start[d];
        start[d] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[start[key(&from[i]) >> shift & (DIGITS - 1)]++] = from[i];
}

/* Sorts the run; the heap's memory is free for it. */
static void sort_run(struct queue *q)
{
    struct entry *from = q->run, *to = q->heap;
    uint64_t differ = 0;
    bool sorted = true;
    for (size_t i = 1; i < q->n_run; i++) {
        differ |= key(&from[i]) ^ key(&from[0]);
        sorted &= key(&from[i - 1]) < key(&from[i]);
    }
    for (unsigned shift = 0; !sorted && shift < KEY_BITS; shift += DIGIT_BITS)
        if (differ >> shift & (DIGITS - 1)) {
            sort_digit(from, to, q->n_run, shift);
            struct entry *done = to;
            to = from;
            from = done;
        }
    if (from != q->run)
        memcpy(q->run, from, q->n_run * sizeof *from);
}

static bool is_fresh(const struct entry *x, const struct symbol *s, const uint32_t *next,
                     uint32_t last)
{
    uint32_t right = next[x->left];
    return s[x->left].n && right <= last && s[x->left].n + s[right].n == x->n;
}

/* The heap's fresh pairs become the run, which was used up. */
static void renew_run(struct queue *q, const struct symbol *s, const uint32_t *next, uint32_t last)
{
    size_t n = 0;
    for (size_t i = 0; i < q->n_heap; i++)
        if (is_fresh(&q->heap[i], s, next, last))
            q->run[n++] = q->heap[i];
    q->n_run = n;
    q->at = q->n_heap = 0;
    sort_run(q);
}

static struct entry queue_pop(struct queue *q)
{
    if (q->at < q->n_run && (q->n_heap == 0 || key(&q->run[q->at]) < key(&q->heap[0])))
        return q->run[q->at++];
    return heap_pop(q);
}

struct row {
    const void *arg;
    const char *text;
    merge_pair *pair;
    struct symbol *s;
    uint32_t *prev, *next, last; /* [last + 1] each */
    struct queue q;
};

static bool look(const struct row *r, uint32_t left, uint32_t right, struct entry *x)
{
    *x = (struct entry){.left = left, .n = r->s[left].n + r->s[right].n};
    return r->pair(r->arg, r->text, &r->s[left], &r->s[right], &x->priority, &x->id);
}

static void merge_all(struct row *r)
{
    struct symbol *s = r->s;
    struct entry x;
    for (uint32_t i = 0; i <= r->last; i++) {
        r->prev[i] = i - 1;
        r->next[i] = i + 1;
        if (i < r->last && look(r, i, i + 1, &x))
            r->q.heap[r->q.n_heap++] = x; /* no heap yet: it is sorted first of all */
    }
    renew_run(&r->q, s, r->next, r->last);
    while (r->q.at < r->q.n_run || r->q.n_heap) {
        if (r->q.at == r->q.n_run && r->q.n_heap >= RUN_MIN) {
            renew_run(&r->q, s, r->next, r->last);
            continue;
        }
        struct entry m = queue_pop(&r->q);
        uint32_t left = m.left, right = r->next[left], after;
        if (!is_fresh(&m, s, r->next, r->last))
            continue;
        s[left].n = m.n;
        s[left].id = m.id;
        s[right].n = 0;
        r->next[left] = after = r->next[right];
        if (after <= r->last) {
            r->prev[after] = left;
            if (look(r, left, after, &x))
                heap_push(&r->q, x);
        }
        if (left > 0 && look(r, r->prev[left], left, &x))
            heap_push(&r->q, x);
    }
}

bool merge_long(const void *arg, const char *text, merge_pair *pair, struct symbol *s, size_t n,
                struct err *e)
{
    struct row r = {.arg = arg, .text = text, .pair = pair, .s = s, .last = (uint32_t)n - 1};
    /* At most n - 1 pairs are fresh at a time, and n - 1 merges push two each. */
    r.q.heap = mem_new(n, 2 * sizeof *r.q.heap, e);
    r.q.run = mem_new(n, sizeof *r.q.run, e);
    r.prev = mem_new(n, sizeof *r.prev, e);
    r.next = mem_new(n, sizeof *r.next, e);
    bool ok = r.q.heap && r.q.run && r.prev && r.next;
    if (ok)
        merge_all(&r);
    mem_free(r.q.heap);
    mem_free(r.q.run);
    mem_free(r.prev);
    mem_free(r.next);
    return ok;
}
