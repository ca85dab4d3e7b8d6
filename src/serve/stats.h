/* SPDX-License-Identifier: Apache-2.0 */
/* serve/stats: what the front counts, for /metrics (serve/metrics) and a mirror's /stats.
 *
 * What concerns answers is counted for each model and key. Their number is bounded, whoever asks:
 * the first STATS_KEYS keys are told apart, others are "other"; so are keys where the table is
 * full, and at last models. */
#ifndef MOAT_SERVE_STATS_H
#define MOAT_SERVE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STATS_BUCKETS = 18, /* of a histogram, the last without a bound */
    STATS_KEYS = 64,
    STATS_SERIES = 768,
    STATS_KEYED = 512, /* of them: more are not begun for a key of its own */
    STATS_REPLIES = 512,
    STATS_REASONS = 32
};

extern const double stats_bounds[STATS_BUCKETS - 1]; /* seconds, rising */

struct histogram {
    uint64_t n[STATS_BUCKETS]; /* in each bucket alone */
    double sum;
};

/* What is measured of answers, in seconds. */
enum stats_time {
    STATS_QUEUE,       /* until work on it began */
    STATS_FIRST_TOKEN, /* until its first text, from the request's arrival */
    STATS_BETWEEN,     /* from a token to the next */
    STATS_REQUEST,     /* of the whole request */
    STATS_TIMES
};

/* Tokens. */
enum stats_count {
    STATS_PROMPT,
    STATS_CACHED, /* of prompts, computed before */
    STATS_GENERATED,
    STATS_GUESSED, /* ahead */
    STATS_RIGHT,   /* guesses that held */
    STATS_COUNTS
};

struct stats_series {
    const char *model; /* borrowed: of what is served */
    char key[40];
    struct histogram time[STATS_TIMES];
    uint64_t count[STATS_COUNTS];
};

struct stats_reply {
    const char *route, *method; /* literals */
    int status;
    uint64_t n;
};

struct stats_reason {
    const char *why; /* a literal */
    uint64_t n;
};

struct stats {
    uint32_t n_live; /* requests under way */
    uint64_t n_ok, n_client_errors, n_server_errors, n_gone, n_busy;
    uint64_t n_bytes; /* of files, handed to connections */

    struct stats_series *series; /* [n_series], owned; 0 is for whatever has no room */
    size_t n_series, series_cap;
    struct stats_reply *replies; /* [n_replies], owned */
    size_t n_replies, replies_cap;
    struct stats_reason
        rejected[STATS_REASONS]; /* [n_rejected]: refused for want of room or right */
    uint32_t n_rejected;
    double prompt_s, decode_s; /* of finished answers */
};

void stats_clear(struct stats *s);

/* That of a model and the id of a key ("": none came with the request). */
uint32_t stats_find(struct stats *s, const char *model, const char *key);
/* `times` measurements of so many seconds. */
void stats_measure(struct stats *s, uint32_t series, enum stats_time what, double seconds,
                   uint64_t times);
void stats_add(struct stats *s, uint32_t series, enum stats_count what, uint64_t n);

/* An answer of this status, 499 where its client left; `code` of its error, or NULL. */
void stats_reply(struct stats *s, const char *method, const char *route, int status,
                 const char *code);

#endif
