/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audit_filter: which records moat audit shows: of some acts, of one who did them, of a time.
 */
#ifndef MOAT_CLI_AUDIT_FILTER_H
#define MOAT_CLI_AUDIT_FILTER_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { AUDIT_FILTER_ACTS = 16 };

struct audit_filter {
    const char *act[AUDIT_FILTER_ACTS]; /* "request"; or what was done: "pull", "/v1/completions" */
    uint32_t n_acts;                    /* 0: any */
    const char *who;                    /* an API key's id, an address, or "uid 1000" */
    uint64_t since_ns, until_ns;        /* 0: any; since <= t < until */
};

/* "2026-11-28" or "2026-11-28T15:04:05Z" (UTC); or "90m", "36h", "7d": so long before now. */
bool audit_filter_time(struct str text, uint64_t now_ns, uint64_t *ns, struct err *e) MUST_USE;
bool audit_filter_lets(const struct audit_filter *f, const json_t *record);

#endif
