/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/cursor: reads little-endian fields one after another out of untrusted bytes.
 *
 * Every read is checked against what is left, so nothing outside [p, p + n) is ever touched; a read
 * that does not fit is ERR_CORRUPT saying how many bytes the file has and how many it would need.
 * Strings and blocks are views, nothing is copied. */
#ifndef MOAT_GGUF_CURSOR_H
#define MOAT_GGUF_CURSOR_H

#include <stdint.h>

#include "base/checked.h"

struct cursor {
    const unsigned char *p;
    uint64_t n, at;          /* at <= n, always */
    struct checked *checked; /* whose bytes they are, to be asked for before use; NULL: of a map */
};

bool cursor_take(struct cursor *c, uint64_t n, const unsigned char **p, struct err *e) MUST_USE;
/* True when `count` items of at least `size` bytes each may still follow; reads nothing. To be
 * asked before anything is allocated by a count. */
bool cursor_has(const struct cursor *c, uint64_t count, uint64_t size, struct err *e) MUST_USE;
bool cursor_u32(struct cursor *c, uint32_t *v, struct err *e) MUST_USE;
bool cursor_u64(struct cursor *c, uint64_t *v, struct err *e) MUST_USE;
/* A 64-bit length and that many bytes. */
bool cursor_str(struct cursor *c, struct str *s, struct err *e) MUST_USE;

#endif
