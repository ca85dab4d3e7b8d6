/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/fetch_private: what the parts of fetch_file share: fetch.c (the loop), fetch_judge.c (what
 * answers mean and what becomes of pieces), fetch_leaves.c (the hash tree). */
#ifndef MOAT_FETCH_FETCH_PRIVATE_H
#define MOAT_FETCH_FETCH_PRIVATE_H

#include "fetch/fetch.h"
#include "fetch/source.h"
#include "fetch/transfer.h"
#include "fetch/tune.h"

enum { FETCH_CONNECTIONS = 32 };

struct fetch {
    const struct fetch_job *q;
    int data_fd, journal_fd, control_fd;
    fetch_event_fn *fn;
    void *arg;
    struct journal_state j; /* its pieces are the plan */
    struct source source[LIMIT_PULL_SOURCES];
    uint32_t n_source;
    struct hash *leaf; /* [n_leaf] of the tree, checked against its root; NULL: none */
    uint64_t n_leaf;
    int only; /* the source that all is to come from; -1: sources may be mixed */
    CURLM *multi;
    struct transfer *transfer[FETCH_CONNECTIONS];
    uint32_t n_transfer;
    struct transfer_owner owner;
    struct bucket bucket;
    struct tune tune;
    uint64_t received, start_ns, told_ns;
    bool gone;        /* the caller is */
    struct err fatal; /* code not ERR_NONE: the job has failed, whatever the sources do */
};

/* fetch_judge.c: the owner of every transfer. */
bool fetch_judge(void *arg, struct transfer *t);
bool fetch_piece(void *arg, struct transfer *t, uint64_t at);
/* A source is given up, for good in this file (`kept`) or for this run. */
void fetch_give_up(struct fetch *f, struct source *s, const struct err *why, bool kept);
/* Forgets every piece of a source, or of all others. */
bool fetch_forget(struct fetch *f, uint8_t source, bool others, struct err *e) MUST_USE;
void fetch_note(struct fetch *f, const struct source *s, const struct err *why);

/* fetch.c: what a failure of libcurl means in words; true: it is no use to try again. */
bool fetch_describe(CURLcode code, struct err *why);

/* fetch_leaves.c: reads FILE.leaves of the first source that has it right. None: no tree. */
bool fetch_leaves(struct fetch *f, struct err *e) MUST_USE;
/* Checks pieces of an earlier call that were never checked against the tree. */
bool fetch_check_old(struct fetch *f, struct err *e) MUST_USE;

#endif
