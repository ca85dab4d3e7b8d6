/* SPDX-License-Identifier: Apache-2.0 */
/* serve/range: which bytes of a file a request wants (RFC 9110, sections 13 and 14).
 *
 * One range is served; several at once, another unit, or an If-Range that names another file get
 * the whole, as the RFC leaves open. Entity tags are compared as strong ones: a file's is made of
 * its SHA-256. */
#ifndef MOAT_SERVE_RANGE_H
#define MOAT_SERVE_RANGE_H

#include <stdint.h>

#include "base/str.h"

enum range_kind {
    RANGE_WHOLE,
    RANGE_PART,
    RANGE_OUTSIDE, /* 416: it begins behind the end */
    RANGE_SAME     /* 304: the client has it already */
};

struct range {
    enum range_kind kind;
    uint64_t first, n; /* of WHOLE and PART */
};

/* The values of these headers, empty where there is none; tag without its quotes. */
struct range_asked {
    struct str range, if_range, if_none_match;
};
struct range range_of(const struct range_asked *asked, uint64_t size, struct str tag);

#endif
