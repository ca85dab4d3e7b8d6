/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/receive: the answer to one request, kept in memory: its head within LIMIT_ANSWER_HEAD, its
 * body within what the document's buffer takes. For requests of libcurl's easy interface: small
 * files (fetch/fetch_leaves) and what is sent (fetch/send). */
#ifndef MOAT_FETCH_RECEIVE_H
#define MOAT_FETCH_RECEIVE_H

#include <curl/curl.h>

#include "fetch/answer.h"
#include "fetch/line.h"

struct receiver {
    struct document *d;
    size_t most; /* bytes of its body */
    struct answer answer;
    uint64_t head_bytes;
    struct err why; /* code ERR_NONE: nothing is wrong on our side */
};

/* An empty document to be filled. */
void receive_init(struct receiver *r, struct document *d, size_t most);
/* Has the answer of this request go to the receiver, which must outlive it. */
void receive_options(CURL *h, struct receiver *r);
/* Fills in the document's status, challenge and location. False: there was no whole answer; *e says
 * why and the body is empty. */
bool receive_end(struct receiver *r, CURLcode code, struct err *e) MUST_USE;

#endif
