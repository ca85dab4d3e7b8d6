/* SPDX-License-Identifier: Apache-2.0 */
/* store/push: a model of the store to an OCI registry, in the form that Ollama knows.
 *
 * The GGUF file is one layer (application/vnd.ollama.image.model) beside a small configuration; a
 * manifest with the tag names both. So moat pull oci:... and ollama:... take it back, as do Ollama
 * and other clients of registries. What is there already is not sent again. A failure of the
 * network is tried again a few times, from the start of the file. */
#ifndef MOAT_STORE_PUSH_H
#define MOAT_STORE_PUSH_H

#include <stdatomic.h>

#include "fetch/role.h"
#include "store/manifest.h"
#include "store/upstream.h"

struct push_request {
    struct upstream_ref to; /* UPSTREAM_OCI or UPSTREAM_OLLAMA */
    struct fetch_job how;   /* tokens, proxy, CA, rate */
    const struct store *store;
    const struct manifest *m;
    fetch_event_fn *event; /* progress */
    void *arg;
    const atomic_bool *stop;
};

struct push_result {
    bool present;  /* the file was there already */
    uint64_t sent; /* bytes of it */
};

bool push_model(struct push_request *q, struct push_result *r, struct err *e) MUST_USE;

#endif
