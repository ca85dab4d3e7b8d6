/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/cursor: see cursor.h. */
#include "gguf/cursor.h"

/* Fields are assembled byte by byte: the file is little-endian on every machine. */
static uint64_t little_endian(const unsigned char *p, unsigned n)
{
    uint64_t v = 0;
    while (n--)
        v = v << 8 | p[n];
    return v;
}

bool cursor_has(const struct cursor *c, uint64_t count, uint64_t size, struct err *e)
{
    uint64_t bytes, need;
    if (__builtin_mul_overflow(count, size, &bytes) ||
        __builtin_add_overflow(c->at, bytes, &need) || need > INT64_MAX)
        return fail(e, ERR_CORRUPT,
                    "the file is damaged: at byte %zu it announces %zu bytes or items, more than "
                    "any file holds; download it again",
                    c->at, count);
    if (need > c->n)
        return fail(e, ERR_CORRUPT,
                    "the file is truncated or damaged: %zu bytes, needs at least %zu; download it "
                    "again",
                    c->n, need);
    return true;
}

bool cursor_take(struct cursor *c, uint64_t n, const unsigned char **p, struct err *e)
{
    if (!cursor_has(c, n, 1, e) || (c->checked && !checked_need(c->checked, c->p + c->at, n, e)))
        return false;
    *p = c->p + c->at;
    c->at += n;
    return true;
}

bool cursor_u32(struct cursor *c, uint32_t *v, struct err *e)
{
    const unsigned char *p;
    if (!cursor_take(c, 4, &p, e))
        return false;
    *v = (uint32_t)little_endian(p, 4);
    return true;
}

bool cursor_u64(struct cursor *c, uint64_t *v, struct err *e)
{
    const unsigned char *p;
    if (!cursor_take(c, 8, &p, e))
        return false;
    *v = little_endian(p, 8);
    return true;
}

bool cursor_str(struct cursor *c, struct str *s, struct err *e)
{
    uint64_t n;
    const unsigned char *p;
    if (!cursor_u64(c, &n, e) || !cursor_take(c, n, &p, e))
        return false;
    *s = (struct str){(const char *)p, (size_t)n};
    return true;
}
