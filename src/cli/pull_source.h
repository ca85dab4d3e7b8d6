/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pull_source: what a user calls a model that is to be pulled -> addresses, name, digest. */
#ifndef MOAT_CLI_PULL_SOURCE_H
#define MOAT_CLI_PULL_SOURCE_H

#include "cli/pull_opts.h"
#include "store/catalogs.h"
#include "store/pull.h"
#include "store/upstream.h"

struct pull_source {
    char url[LIMIT_PULL_SOURCES][LIMIT_URL_BYTES];
    char shown[LIMIT_URL_BYTES]; /* of the first, for the manifest */
    char root[DIGEST_HEX + 1];   /* of the hash tree, where a mirror names it */
    struct digest digest;
    bool has_digest, from_hub; /* from_hub: nobody but the hub vouches for the digest */
    struct catalog_hit hit;    /* hit.entry: the model of a catalogue, or NULL */
    bool pinned, pin;          /* the digest is what came first; what comes is to be that */
};

/* Fills the request; it points into s from then on. Hubs are asked. */
bool pull_source_find(struct pull_source *s, const struct pull_options *o, struct pull_request *q,
                      struct err *e) MUST_USE;
/* The same for a name of a catalogue: cli/pull_catalog.c. */
bool pull_source_catalog(struct pull_source *s, const struct pull_options *o,
                         struct pull_request *q, struct err *e) MUST_USE;
/* Notes what came, where it is to be pinned. */
bool pull_source_pin(const struct pull_source *s, const struct pull_result *r,
                     struct err *e) MUST_USE;
void pull_source_clear(struct pull_source *s);

/* What a hub says must be what the user, and every other hub, says. */
bool pull_source_agree(struct pull_source *s, const char *text, const struct upstream *u,
                       struct err *e) MUST_USE;

#endif
