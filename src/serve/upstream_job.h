/* SPDX-License-Identifier: Apache-2.0 */
/* serve/upstream_job: how an errand of a mirror speaks to upstream: where it is, with what
 * patience.
 *
 * A client waits meanwhile, so a source that fails UPSTREAM_RETRIES times in a row ends it; what
 * was brought stays, and the next request goes on from there. */
#ifndef MOAT_SERVE_UPSTREAM_JOB_H
#define MOAT_SERVE_UPSTREAM_JOB_H

#include "fetch/role.h"
#include "serve/config.h"

#define UPSTREAM_RETRIES 6u

/* In an errand only: it sets HF_ENDPOINT, which names the hub. */
void upstream_job(struct fetch_job *how, const struct config *c);

#endif
