/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/source: one place a file can come from, and how it has behaved. */
#ifndef MOAT_FETCH_SOURCE_H
#define MOAT_FETCH_SOURCE_H

#include "fetch/journal.h"
#include "fetch/url.h"

struct source {
    const char *url; /* borrowed */
    struct url parsed;
    struct journal_source known;     /* as in the journal */
    char effective[LIMIT_URL_BYTES]; /* where redirects led; "": ask url itself */
    bool asked;                      /* part of this job; else only known from an earlier one */
    bool whole;                      /* it knows no ranges: one connection, from the start */
    bool loose;            /* its validators change all the time: not looked at any more */
    bool out;              /* given up, `why` says why */
    bool good;             /* it has sent a piece that was right */
    bool told;             /* about its present trouble */
    uint32_t failures;     /* in a row */
    uint32_t faults;       /* pieces that were wrong, ranges that were others than asked for */
    uint32_t changes;      /* of the file, while it was pulled */
    uint32_t epoch;        /* grows with each change: what was asked before does not count */
    uint32_t active, most; /* connections; and how many it seems to bear */
    uint32_t calm;         /* successes since `most` was changed */
    uint64_t ready_ns;     /* not asked before */
    double rate;           /* bytes a second of one connection, 0: not known */
    struct err why;
};

bool source_init(struct source *s, const char *url, struct err *e) MUST_USE;
bool source_usable(const struct source *s, uint64_t now_ns); /* may be asked now */
const char *source_address(const struct source *s);          /* what to ask */

/* The first usable one in order; or, where sources may be mixed freely, the one that promises most
 * for one more connection, those never tried first. `except`: not this one (-1: any). NULL: none.
 */
struct source *source_first(struct source *v, uint32_t n, int except, uint64_t now_ns);
struct source *source_best(struct source *v, uint32_t n, int except, uint64_t now_ns);

void source_worked(struct source *s, uint64_t bytes, uint64_t ns);
/* A failure that may pass: the next try comes after a pause. Others at work beside it mean that it
 * bears fewer connections rather than that it is away. */
void source_failed(struct source *s, uint64_t asked_s, uint64_t now_ns);

#endif
