/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pull_source: what a user calls a model that is to be pulled -> addresses, name, digest. */
#ifndef MOAT_CLI_PULL_SOURCE_H
#define MOAT_CLI_PULL_SOURCE_H

#include "cli/pull_opts.h"
#include "store/pull.h"

struct pull_source {
    char url[LIMIT_PULL_SOURCES][LIMIT_URL_BYTES];
    char shown[LIMIT_URL_BYTES]; /* of the first, for the manifest */
    char root[DIGEST_HEX + 1];   /* of the hash tree, where a mirror names it */
    struct digest digest;
    bool has_digest, from_hub; /* from_hub: nobody but the hub vouches for the digest */
};

/* Fills the request; it points into s from then on. Hubs are asked. */
bool pull_source_find(struct pull_source *s, const struct pull_options *o, struct pull_request *q,
                      struct err *e) MUST_USE;

#endif
