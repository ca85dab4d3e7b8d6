/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/fetch: a large file from several sources into an open file.
 *
 * Asks the sources for runs of pieces, over as many connections as help (fetch/tune). Every piece
 * is checked against the hash tree where its root is known: then a bad one is fetched again alone,
 * from another source. Without a tree all comes from one source as long as that one works; when the
 * caller finds the SHA-256 of the whole wrong, the next call fetches it from another. Failures of
 * the network are tried again for ever with growing pauses. What is there stays noted in the
 * journal, so that the next call goes on.
 *
 * fetch_document reads a small file (a manifest, a list) into memory. */
#ifndef MOAT_FETCH_FETCH_H
#define MOAT_FETCH_FETCH_H

#include "fetch/line.h"

/* Gets PROGRESS and NOTE events; false (the caller is gone) ends the job with ERR_CANCELLED. */
typedef bool fetch_event_fn(void *arg, const struct event *v);

/* Both descriptors are open for reading and writing; the journal's in append mode. control_fd:
 * its end means that the caller is gone. *last is filled as at EVENT_END. */
bool fetch_file(const struct fetch_job *q, int data_fd, int journal_fd, int control_fd,
                fetch_event_fn *fn, void *arg, struct event *last, struct err *e) MUST_USE;

struct document {
    int status;
    char challenge[1024]; /* WWW-Authenticate */
    bool outer;           /* it came from the internet, not from a private network */
    char location[2048];  /* Location */
    struct buf body;
};
/* The first address of the job; an answer of any status is a success, and `most` bytes at most. */
bool fetch_document(const struct fetch_job *q, size_t most, struct document *d,
                    struct err *e) MUST_USE;

#endif
