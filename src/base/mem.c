/* SPDX-License-Identifier: Apache-2.0 */
/* base/mem: see mem.h. */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK_BYTES 65536u

struct arena_block {
    struct arena_block *next;
    size_t n, cap;
    _Alignas(16) char bytes[];
};

static _Thread_local bool guarded;

void mem_guard(bool on)
{
    guarded = on;
}

static _Thread_local bool was_short;

void mem_note_short(void)
{
    was_short = true;
}

bool mem_was_short(void)
{
    bool was = was_short;
    was_short = false;
    return was;
}

static void check_guard(void)
{
#ifdef MOAT_MEM_GUARD
    must(!guarded);
#endif
}

bool mem_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool mem_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static bool no_memory(size_t n, size_t size, struct err *e)
{
    return fail(e, ERR_LIMIT, "not enough memory for %zu items of %zu bytes", n, size);
}

void *mem_new(size_t n, size_t size, struct err *e)
{
    check_guard();
    void *p = calloc(n ? n : 1, size);
    if (!p)
        no_memory(n, size, e);
    return p;
}

void *mem_new_aligned(size_t n, size_t size, struct err *e)
{
    check_guard();
    size_t bytes, padded;
    void *p = NULL;
    if (mem_mul(n, size, &bytes) && mem_add(bytes, 127, &padded))
        p = aligned_alloc(64, padded & ~(size_t)63);
    if (!p)
        no_memory(n, size, e);
    else
        memset(p, 0, padded & ~(size_t)63);
    return p;
}

void *mem_new_lazy(size_t n, size_t size, struct err *e)
{
    check_guard();
    size_t bytes;
    void *p = MAP_FAILED;
    if (mem_mul(n, size, &bytes))
        p = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED)
        return p;
    no_memory(n, size, e);
    return NULL;
}

void mem_free_lazy(void *p, size_t n, size_t size)
{
    if (p)
        munmap(p, n && size ? n * size : 1);
}

bool mem_grow(void *items, size_t n, size_t *cap, size_t size, struct err *e)
{
    if (n < *cap)
        return true;
    check_guard();
    void **slot = items;
    size_t new_cap = *cap ? *cap * 2 : 16, bytes;
    void *p = mem_mul(new_cap, size, &bytes) ? realloc(*slot, bytes) : NULL;
    if (!p)
        return no_memory(new_cap, size, e);
    memset((char *)p + *cap * size, 0, (new_cap - *cap) * size);
    *slot = p;
    *cap = new_cap;
    return true;
}

void mem_free(void *p)
{
    free(p);
}

void *mem_resize(void *p, size_t n)
{
    return realloc(p, n);
}

void *arena_new(struct arena *a, size_t n, size_t size, struct err *e)
{
    size_t bytes, need;
    if (!mem_mul(n, size, &bytes) || !mem_add(bytes, 15, &bytes) ||
        !mem_add(bytes &= ~(size_t)15, a->used, &need) || (a->max && need > a->max)) {
        no_memory(n, size, e);
        return NULL;
    }
    if (!a->head || a->head->cap - a->head->n < bytes) {
        check_guard();
        size_t cap = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        struct arena_block *b = cap < SIZE_MAX - sizeof *b ? calloc(1, sizeof *b + cap) : NULL;
        if (!b) {
            no_memory(n, size, e);
            return NULL;
        }
        *b = (struct arena_block){.next = a->head, .cap = cap};
        a->head = b;
    }
    void *p = a->head->bytes + a->head->n;
    a->head->n += bytes;
    a->used = need;
    return p;
}

char *arena_copy(struct arena *a, struct str s, struct err *e)
{
    char *p = arena_new(a, s.n + 1, 1, e);
    if (p && s.n)
        memcpy(p, s.p, s.n);
    return p;
}

void arena_clear(struct arena *a)
{
    for (struct arena_block *b = a->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    a->head = NULL;
    a->used = 0;
}
