/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/transfer: one HTTP request for a run of pieces, and its answer cut into them.
 *
 * A piece is gathered in memory and handed over whole, so nothing half or wrong ever reaches the
 * file. What the head of the answer means is for the owner to say (judge). */
#ifndef MOAT_FETCH_TRANSFER_H
#define MOAT_FETCH_TRANSFER_H

#include <curl/curl.h>

#include "fetch/answer.h"
#include "fetch/bucket.h"
#include "fetch/line.h"
#include "fetch/pieces.h"

struct transfer;

/* What a source is reached by; kept for as long as the source is. */
enum transfer_reach { REACH_UNKNOWN, REACH_INNER, REACH_PUBLIC };

/* A socket to that address. The first one says where a source lies; from the internet none may lead
 * into a private network: then *why. */
curl_socket_t transfer_open(enum transfer_reach *reach, const struct curl_sockaddr *a,
                            struct err *why);

/* Both return false to end the transfer; the reason then stands in t->why. */
struct transfer_owner {
    void *arg;
    bool (*judge)(void *arg, struct transfer *t);
    bool (*piece)(void *arg, struct transfer *t, uint64_t at);
    const struct pieces *pieces; /* its n is 0 until a judge has seen the size */
    struct bucket *bucket;
};

struct transfer {
    enum transfer_reach *reach; /* of its source */
    CURL *easy;
    struct curl_slist *headers;
    struct transfer_owner *owner;
    uint8_t source;   /* number of it */
    uint32_t epoch;   /* of the source when the answer came */
    struct run asked; /* as it was asked for */
    struct run run;   /* of pieces it is at; the end may move down while it runs */
    bool joined;      /* they count it (fetch/pieces) */
    bool redirected;  /* an address from an earlier redirect was asked */
    uint64_t pos;     /* of the next byte in the file */
    uint64_t filled;  /* bytes of the piece it is in that are gathered */
    uint64_t bytes;   /* received */
    uint64_t pieces;  /* handed over */
    uint64_t head_bytes, start_ns, last_ns; /* last_ns: when something last came */
    bool judged, complete, paused;
    struct answer answer;
    struct err why; /* code ERR_NONE: nothing is wrong on our side */
    char *piece;    /* [HASH_LEAF_BYTES] */
};

/* What every request of a job has: identity encoding, redirects, TLS, proxy. False: no memory. */
bool transfer_options(CURL *easy, const struct fetch_job *q, const char *url) MUST_USE;
/* A token for the origin of that address, or NULL. */
const char *transfer_bearer(const struct fetch_job *q, const char *url);

/* Asks `url` for the pieces of the run: of the first `ask_bytes` of the file where its size is not
 * known yet. validator "": without If-Range. whole: without a range. */
struct transfer *transfer_new(const struct fetch_job *q, struct transfer_owner *owner,
                              const char *url, struct run run, const char *validator, bool whole,
                              enum transfer_reach *reach, struct err *e) MUST_USE;
void transfer_free(struct transfer *t);

/* Are all pieces of its run there? */
bool transfer_is_done(const struct transfer *t);
/* Lets a transfer that waits for the bound on the rate go on. */
void transfer_resume(struct transfer *t);

#endif
