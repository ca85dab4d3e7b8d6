/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/answer: the head of an HTTP answer, as far as a download needs it.
 *
 * Fed line by line (libcurl has parsed the protocol; the values are hostile all the same). A status
 * line starts a new answer, so after redirects the last one stands. Numbers that do not parse count
 * as absent. Sources: RFC 9110 sections 8.8.3 (ETag), 10.2.3 (Retry-After), 14.4 (Content-Range).
 */
#ifndef MOAT_FETCH_ANSWER_H
#define MOAT_FETCH_ANSWER_H

#include <stdint.h>

#include "base/str.h"

enum { ANSWER_TEXT = 256 };

struct answer {
    int status;
    bool has_length, has_range, has_retry, encoded;
    uint64_t length;          /* Content-Length */
    uint64_t from, to, total; /* Content-Range: bytes from-to/total, both ends included */
    uint64_t retry_s;         /* Retry-After, in seconds from now */
    char etag[ANSWER_TEXT];   /* with its quotes; "" where there is none or it is too long */
    char modified[ANSWER_TEXT];
    char challenge[1024]; /* WWW-Authenticate */
    char location[2048];  /* Location; "" where there is none or it is too long */
};

/* now: seconds since 1970, for a Retry-After that is a date. */
void answer_line(struct answer *a, struct str line, int64_t now);

/* "bytes 0-99/1000": false for anything else, an unknown total ("*") included. */
bool answer_content_range(struct str value, uint64_t *from, uint64_t *to, uint64_t *total);
/* Seconds or an HTTP date; a date that is past is 0. */
bool answer_retry_after(struct str value, int64_t now, uint64_t *seconds);

/* What may stand in If-Range: a strong ETag, else "". */
const char *answer_validator(const struct answer *a);

#endif
