/* SPDX-License-Identifier: Apache-2.0 */
/* tests/gguf/tiny: small files in memory, for the tests of this room. */
#ifndef MOAT_TESTS_GGUF_TINY_H
#define MOAT_TESTS_GGUF_TINY_H

#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "gguf/gguf_write.h"
#include "test.h"

/* A file in memory holding these bytes. */
static inline int tiny_file(const void *p, size_t n)
{
    int fd = memfd_create("tiny", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), (ssize_t)n);
    return fd;
}

/* Opens bytes as if they were a file called "test.gguf". */
static inline struct gguf *tiny_open(const void *p, size_t n, struct err *e)
{
    return gguf_take_fd(tiny_file(p, n), "test.gguf", e);
}

static inline void tiny_u32(struct buf *b, uint32_t v)
{
    buf_add(b, &v, sizeof v);
}

static inline void tiny_u64(struct buf *b, uint64_t v)
{
    buf_add(b, &v, sizeof v);
}

static inline void tiny_str(struct buf *b, const char *s)
{
    tiny_u64(b, strlen(s));
    buf_cstr(b, s);
}

static inline void tiny_header(struct buf *b, uint32_t version, uint64_t n_tensors, uint64_t n_kv)
{
    buf_init(b, 1 << 20);
    buf_cstr(b, "GGUF");
    tiny_u32(b, version);
    tiny_u64(b, n_tensors);
    tiny_u64(b, n_kv);
}

/* One F32 tensor entry of shape [n]. */
static inline void tiny_tensor(struct buf *b, const char *name, uint64_t n, uint64_t offset)
{
    tiny_str(b, name);
    tiny_u32(b, 1);
    tiny_u64(b, n);
    tiny_u32(b, DTYPE_F32);
    tiny_u64(b, offset);
}

static inline void tiny_pad(struct buf *b, size_t to)
{
    while (b->n % to)
        buf_byte(b, 0);
}

static inline void tiny_fill(struct buf *b, size_t n)
{
    while (n--)
        buf_byte(b, 1);
}

#endif
