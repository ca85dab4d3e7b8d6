/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/line: what a caller and the fetch role say to each other: JSON, one message a line.
 *
 * The caller sends one struct fetch_job; the role answers with events until EVENT_END. Both sides
 * are this program, but the role has read what strangers sent, so the caller checks every event. */
#ifndef MOAT_FETCH_LINE_H
#define MOAT_FETCH_LINE_H

#include <jansson.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"

/* A token that is sent to its origin (fetch/url) only. */
struct fetch_auth {
    char origin[LIMIT_URL_BYTES];
    char bearer[LIMIT_URL_BYTES];
    bool found; /* a registry gave it: another one may be asked for (the caller's own knowledge) */
};

enum { FETCH_AUTHS = 8, FETCH_ROLE_FDS = 2 };

struct fetch_job {
    const char *url[LIMIT_PULL_SOURCES]; /* of the same file, best first */
    uint32_t n_url;
    bool document; /* a small file, which comes back as text; else a large one, into descriptors */
    const char *accept; /* of a document: the Accept header, or NULL */
    bool outer; /* of a document: somebody on the internet named it, so nothing private is asked */
    bool inner; /* of what is sent: to this machine and private networks alone, whatever a name says
                 */
    const char *method;      /* of a document: HEAD, POST or PUT (fetch/send); NULL: GET */
    const char *type, *text; /* what is sent with it: Content-Type and text, or NULL */
    bool upload;             /* sent is the first descriptor, `size` bytes, not the text */
    bool digest_known;       /* the caller will check the SHA-256: sources may be mixed */
    bool mismatch;           /* it has, and it was wrong */
    uint64_t size;           /* of the file, where the caller knows it; else 0 */
    const char *root;        /* of the hash tree, 64 hex digits, or NULL */
    uint64_t limit_rate;     /* bytes a second, 0: none */
    uint32_t connections;    /* at most */
    uint32_t stall_s;        /* a connection without a byte for so long is given up */
    uint32_t retries;        /* failures in a row after which a source is given up; 0: never */
    const char *proxy, *ca;  /* or NULL */
    const char *socket;      /* of a document: the Unix socket that is asked instead, or NULL */
    struct fetch_auth auth[FETCH_AUTHS];
    uint32_t n_auth;
};

/* The text of a job, without its newline; and back: what it points to then lives in `j`. */
bool line_write_job(const struct fetch_job *q, struct buf *out, struct err *e) MUST_USE;
bool line_read_job(struct fetch_job *q, json_t *j, struct err *e) MUST_USE;

enum event_kind { EVENT_PROGRESS, EVENT_NOTE, EVENT_DOCUMENT, EVENT_END };

struct event {
    enum event_kind kind;
    uint64_t done, total; /* PROGRESS, END: bytes of the file that are there; of all */
    uint64_t received;    /* PROGRESS, END: bytes that came over the network */
    uint32_t connections; /* PROGRESS */
    enum err_code code;   /* NOTE, END: ERR_NONE at a good end */
    const char *text;     /* NOTE, END: a sentence; DOCUMENT: the file */
    const char *from;     /* DOCUMENT: WWW-Authenticate or ""; NOTE: the source it is about */
    const char *location; /* DOCUMENT: Location or "" */
    int status;           /* DOCUMENT: of HTTP */
    bool outer;           /* DOCUMENT: it came from the internet */
};

bool line_write_event(const struct event *v, struct buf *out, struct err *e) MUST_USE;
bool line_read_event(struct event *v, const json_t *j, struct err *e) MUST_USE;

#endif
