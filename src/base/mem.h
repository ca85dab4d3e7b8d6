/* SPDX-License-Identifier: Apache-2.0 */
/* base/mem: allocation by lifetime.
 *
 * An arena is freed as a whole: one per model, session, request. Sizes are computed with the
 * checked helpers, so a product that wraps is an error and never a small block. All memory comes
 * zeroed. `mem_guard` forbids allocation on this thread (decode must not allocate): in test builds
 * a violation is fatal, elsewhere it is not checked. */
#ifndef MOAT_BASE_MEM_H
#define MOAT_BASE_MEM_H

#include "base/err.h"
#include "base/str.h"

bool mem_mul(size_t a, size_t b, size_t *out) MUST_USE; /* false on overflow */
bool mem_add(size_t a, size_t b, size_t *out) MUST_USE;

/* Zeroed heap block of n items; ERR_LIMIT when memory is short. Free with mem_free. */
void *mem_new(size_t n, size_t size, struct err *e) MUST_USE;
/* Grows *items (n used, *cap allocated) so that one more item fits. */
bool mem_grow(void *items, size_t n, size_t *cap, size_t size, struct err *e) MUST_USE;
void mem_free(void *p);
/* For a library that takes an allocator: what realloc does. */
void *mem_resize(void *p, size_t n);

/* 64-byte aligned, zeroed; free with mem_free. */
void *mem_new_aligned(size_t n, size_t size, struct err *e) MUST_USE;

/* Zeroed pages that cost memory only once touched: for large caches. Page-aligned. */
void *mem_new_lazy(size_t n, size_t size, struct err *e) MUST_USE;
void mem_free_lazy(void *p, size_t n, size_t size);

struct arena_block;
struct arena {
    struct arena_block *head;
    size_t used, max; /* max 0: no cap */
};

void *arena_new(struct arena *a, size_t n, size_t size,
                struct err *e) MUST_USE; /* 16-byte aligned, zeroed */
/* A NUL-terminated copy. */
char *arena_copy(struct arena *a, struct str s, struct err *e) MUST_USE;
void arena_clear(struct arena *a);

void mem_guard(bool on);

/* What is made piece by piece (a buffer, a JSON document) need not look at each piece: that memory
 * ended is remembered for the thread, until somebody asks before the whole is used. */
void mem_note_short(void);
bool mem_was_short(void); /* since it was asked last */

#endif
