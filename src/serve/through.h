/* SPDX-License-Identifier: Apache-2.0 */
/* serve/through: an errand that pulls a model through, for the clients of a mirror who wait for it.
 *
 * It is moat pull (store/pull), under a name that is made of where it comes from, and marked as one
 * that a mirror may remove again. Whoever asks gets it when its SHA-256 has been found to be the
 * one that upstream named. */
#ifndef MOAT_SERVE_THROUGH_H
#define MOAT_SERVE_THROUGH_H

#include "serve/listing.h"

struct through_job {
    const struct store *store;
    const struct config *config;
    char source[3 * WANT_TEXT]; /* for moat pull */
    char about[3 * WANT_TEXT];  /* kept in the manifest: "hf:ORG/REPO/FILE" */
    struct name name;
    struct digest digest;
    uint64_t size, others; /* others: bytes that are being pulled beside it */
};

/* False: a name is too long. */
bool through_plan(struct through_job *q, const struct listing *l, const struct listing_file *f,
                  struct err *e) MUST_USE;
errand_fn through_pull;

#endif
