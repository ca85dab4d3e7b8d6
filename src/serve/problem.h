/* SPDX-License-Identifier: Apache-2.0 */
/* serve/problem: an error on its way to a client: what base/err has, and what the dialects add. */
#ifndef MOAT_SERVE_PROBLEM_H
#define MOAT_SERVE_PROBLEM_H

#include <stdint.h>

#include "base/err.h"

struct problem {
    struct err err;
    int status;        /* 0: that of err.code */
    const char *param; /* the field at fault, or NULL; a literal */
    uint32_t retry_s;  /* busy: when it may be worth to ask again; 0: soon */
    const char *code;  /* in the dialect's own words, or NULL: the name of err.code */
};

static inline int problem_status(const struct problem *p)
{
    return p->status ? p->status : err_http_status(p->err.code);
}

/* Names the field of an error that has been set; false, so that it can end a failure path. */
static inline bool problem_of(struct problem *p, const char *param)
{
    p->param = param;
    return false;
}

#endif
