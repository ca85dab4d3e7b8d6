/* SPDX-License-Identifier: Apache-2.0 */
/* base/buf: see buf.h. */
#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_clear(struct buf *b)
{
    free(b->p);
    buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->bad = false;
    if (b->p)
        b->p[0] = '\0';
}

/* Room for n more bytes and the NUL. */
static bool make_room(struct buf *b, size_t n)
{
    if (b->bad || n > b->max - b->n) {
        b->bad = true;
        return false;
    }
    if (b->cap - b->n > n)
        return true;
    size_t want = b->n + n + 1;
    size_t cap = b->cap > b->max / 2 ? b->max + 1 : b->cap * 2;
    cap = cap < want ? want : cap;
    cap = cap < 64 ? 64 : cap;
    char *p = realloc(b->p, cap);
    if (!p) {
        mem_note_short();
        b->bad = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

bool buf_reserve(struct buf *b, size_t n)
{
    return make_room(b, n);
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (!make_room(b, n))
        return;
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_cstr(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_byte(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_utf8(struct buf *b, uint32_t code_point)
{
    char c[4];
    buf_add(b, c, str_utf8_put(code_point, c));
}

void buf_fmt(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        b->bad = true;
    else if (make_room(b, (size_t)n)) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void buf_drop_front(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
    } else {
        memmove(b->p, b->p + n, b->n - n);
        b->n -= n;
    }
    if (b->p)
        b->p[b->n] = '\0';
}

struct str buf_view(const struct buf *b)
{
    return (struct str){b->p ? b->p : "", b->n};
}

const char *buf_c(const struct buf *b)
{
    return b->p ? b->p : "";
}

bool buf_ok(const struct buf *b, const char *what, struct err *e)
{
    if (b->bad)
        return fail(e, ERR_LIMIT, "%s is larger than the limit of %zu bytes", what, b->max);
    return true;
}

static bool read_all(struct buf *b, int fd, const char *path, struct err *e)
{
    char chunk[65536];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n == 0)
            return buf_ok(b, path, e);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(e, ERR_IO, "cannot read %s: %s", path, strerror(errno));
        buf_add(b, chunk, (size_t)n);
        if (b->bad)
            return buf_ok(b, path, e);
    }
}

bool buf_read_file(struct buf *b, const char *path, struct err *e)
{
    if (strcmp(path, "-") == 0)
        return read_all(b, STDIN_FILENO, path, e);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return os_fail_open(path, e);
    bool ok = read_all(b, fd, path, e);
    close(fd);
    return ok;
}
