/* SPDX-License-Identifier: Apache-2.0 */
/* tests/alloc_fail: makes the n-th allocation of a piece of code fail, and counts what is not
 * freed.
 *
 * Replaces the allocator's entry points in the test program that includes this (once); the C
 * library's own are underneath. Not with AddressSanitizer, which replaces them itself:
 * ALLOC_FAIL_WORKS says so. */
#ifndef MOAT_TESTS_ALLOC_FAIL_H
#define MOAT_TESTS_ALLOC_FAIL_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#if defined(__has_feature)
#define ALLOC_FAIL_CLANG_ASAN __has_feature(address_sanitizer)
#else
#define ALLOC_FAIL_CLANG_ASAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || ALLOC_FAIL_CLANG_ASAN
#define ALLOC_FAIL_WORKS 0
#else
#define ALLOC_FAIL_WORKS 1
#endif

static struct {
    bool armed;
    bool once; /* only the n-th fails, not all that follow */
    long left; /* allocations until failure begins */
    long n;    /* allocations since armed */
    long held; /* blocks taken less blocks given back since armed */
} alloc_fail;

static inline void alloc_fail_arm(long nth, bool once)
{
    alloc_fail.left = nth;
    alloc_fail.once = once;
    alloc_fail.n = alloc_fail.held = 0;
    alloc_fail.armed = true;
}

static inline void alloc_fail_disarm(void)
{
    alloc_fail.armed = false;
}

#if ALLOC_FAIL_WORKS

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);
extern void __libc_free(void *p);

static bool alloc_fail_now(void)
{
    if (!alloc_fail.armed)
        return false;
    alloc_fail.n++;
    alloc_fail.left--;
    bool now = alloc_fail.once ? alloc_fail.left == 0 : alloc_fail.left <= 0;
    if (now)
        errno = ENOMEM;
    return now;
}

static void *alloc_fail_note(void *p, bool is_new)
{
    if (alloc_fail.armed && p && is_new)
        alloc_fail.held++;
    return p;
}

void *malloc(size_t n)
{
    return alloc_fail_now() ? NULL : alloc_fail_note(__libc_malloc(n), true);
}

void *calloc(size_t n, size_t size)
{
    return alloc_fail_now() ? NULL : alloc_fail_note(__libc_calloc(n, size), true);
}

void *realloc(void *p, size_t n)
{
    return alloc_fail_now() ? NULL : alloc_fail_note(__libc_realloc(p, n), p == NULL);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return alloc_fail_now() ? NULL : alloc_fail_note(__libc_memalign(alignment, n), true);
}

void free(void *p)
{
    if (alloc_fail.armed && p)
        alloc_fail.held--;
    __libc_free(p);
}

#endif
#endif
