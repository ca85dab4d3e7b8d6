/* SPDX-License-Identifier: Apache-2.0 */
/* store/pull: a GGUF file from the network becomes NAME:TAG in the store.
 *
 * The fetch role (fetch/role) fills a partial file; when it has ended, the file is hashed here, by
 * the process that speaks to nobody, compared with what was expected, checked to be a model, and
 * moved among the blobs. A pull that was stopped or killed goes on where it was. What is there
 * already is verified and not fetched again. */
#ifndef MOAT_STORE_PULL_H
#define MOAT_STORE_PULL_H

#include <stdatomic.h>

#include "fetch/role.h"
#include "store/publish.h"

struct pull_watch {
    fetch_event_fn *event;          /* progress and notes of the fetch role */
    struct store_progress checking; /* while the whole is hashed */
    bool (*waiting)(void *arg);     /* another process pulls the same; false: give up */
    const atomic_bool *stop;
    void *arg; /* of event and waiting */
};

struct pull_request {
    struct fetch_job job; /* addresses and how to fetch; what is known of the file is set here */
    struct name name;
    const struct digest *expected;        /* NULL: not known */
    const struct digest *template_digest; /* of the chat template; NULL: any */
    const char *source;                   /* kept in the manifest */
    const json_t *settings;               /* NULL: none */
    const char *renew; /* a name (store/upstream) whose tokens expire; NULL: none */
    bool through;      /* for a mirror's clients: see store/manifest */
    struct pull_watch watch;
};

struct pull_result {
    struct digest digest;
    uint64_t size, received; /* received: over the network, in this call */
    bool verified;           /* against a SHA-256 or a root that was known before */
    bool present;            /* it was in the store already */
    bool replaced;
    char architecture[PUBLISH_ARCHITECTURE];
};

bool pull_model(struct pull_request *q, struct pull_result *r, struct err *e) MUST_USE;

#endif
