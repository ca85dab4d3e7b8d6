/* SPDX-License-Identifier: Apache-2.0 */
/* serve/stats: what the front counts, for /metrics. */
#ifndef MOAT_SERVE_STATS_H
#define MOAT_SERVE_STATS_H

#include <stdint.h>

struct stats {
    uint32_t n_live; /* requests under way */
    uint64_t n_ok, n_client_errors, n_server_errors, n_gone, n_busy;
    uint64_t n_prompt, n_cached, n_generated; /* tokens of finished answers */
    uint64_t n_guessed, n_right;              /* guessed ahead, and those that held */
    double prompt_s, decode_s;                /* of those answers */
    uint64_t n_bytes;                         /* of files, handed to connections */
};

static inline void stats_count(struct stats *s, int status)
{
    s->n_ok += status < 400;
    s->n_client_errors += status >= 400 && status < 499 && status != 429;
    s->n_gone += status == 499;
    s->n_busy += status == 429 || status == 503;
    s->n_server_errors += status >= 500 && status != 503;
}

#endif
