/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/role: the fetch role, a process of its own (DESIGN section 3).
 *
 * It alone speaks to the network and reads what strangers send. The caller gives it one job, an
 * open file and an open journal; it opens nothing of the store by itself. */
#ifndef MOAT_FETCH_ROLE_H
#define MOAT_FETCH_ROLE_H

#include <stdatomic.h>

#include "fetch/fetch.h"

#define FETCH_ROLE "fetch-role" /* argv[1] of the process: for main() */

/* Its exit status. `enter` is called once it knows its job and has said nothing to anybody yet: it
 * gives up what the role does not need. */
int fetch_role_main(bool (*enter)(const struct fetch_job *q, struct err *e));
/* False in a build without it (make AIRGAP=1), where the calls below say so. */
bool fetch_is_built_in(void);

/* The caller's side: starts the role, gives it the job, hands its events to fn until it ends. Puts
 * what is there on the disk now and then. *stop (may be NULL) ends the job. A document comes in
 * *d, which the caller clears (buf_clear(&d->body)). Descriptors are -1 for a document; what is
 * uploaded is data_fd. */
bool fetch_call(const struct fetch_job *q, int data_fd, int journal_fd, const atomic_bool *stop,
                fetch_event_fn *fn, void *arg, struct event *last, struct document *d,
                struct err *e) MUST_USE;

/* The file of CA certificates that the environment names, or NULL. */
const char *fetch_private_ca(void);

#endif
