/* SPDX-License-Identifier: Apache-2.0 */
/* serve/upstream_job: see upstream_job.h. */
#include "serve/upstream_job.h"

#include <stdlib.h>

enum { CONNECTIONS = 16, STALL_S = 30 };

void upstream_job(struct fetch_job *how, const struct config *c)
{
    *how = (struct fetch_job){.connections = CONNECTIONS,
                              .stall_s = STALL_S,
                              .retries = UPSTREAM_RETRIES,
                              .ca = fetch_private_ca()};
    if (c->upstream_hf[0])
        setenv("HF_ENDPOINT", c->upstream_hf, 1);
}
