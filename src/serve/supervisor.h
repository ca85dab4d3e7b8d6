/* SPDX-License-Identifier: Apache-2.0 */
/* serve/supervisor: moat serve itself: opens the sockets, finds the models, starts the roles and
 * keeps them up.
 *
 * The front, the keeper of the store (where it is a mirror, or some key is an operator's) and an
 * engine for each model that is wanted are processes of their own, forked from here; so this
 * process reads nothing from outside but its configuration. A model is wanted from the start, or
 * when the front says so, until the front says otherwise (serve/engines). An engine that dies of a
 * signal is started again at once (after a pause that grows to SUPERVISOR_PAUSE_MS when it dies
 * again soon), and the front gets its new line; one that ends with an error of its own (a corrupt
 * file, too little memory) has said why: it is not wanted any more or, where it was from the start,
 * ends the server with its status. SIGTERM and SIGINT drain: no new connection, what runs is
 * finished (a second signal, or SUPERVISOR_DRAIN_S, ends that too). SIGHUP reads the configuration,
 * the keys and the certificate again; what is broken changes nothing (a broken certificate does not
 * keep a revoked key alive).
 */
#ifndef MOAT_SERVE_SUPERVISOR_H
#define MOAT_SERVE_SUPERVISOR_H

#include "serve/access.h"
#include "serve/route.h"
#include "serve/served_store.h"

#define SUPERVISOR_PAUSE_MS 1500u
#define SUPERVISOR_DRAIN_S  30u
#define SUPERVISOR_KEYS_MS  2000u /* after which a changed list of keys is noticed */
#define SUPERVISOR_STORE_MS 500u  /* and a model that has come to the store */

struct supervisor_params {
    const struct routes *routes; /* what the front answers */
    struct config *config;
    struct access *access;           /* what it names; both are replaced by a reload */
    const char *config_path;         /* as given, or NULL */
    struct served_list *models;      /* may be none: then it keeps only the store's door */
    struct served_store store;       /* those that come and go */
    const struct settings *settings; /* of the command line: for every model */
    /* Reads file, environment and options again, into a fresh configuration. */
    bool (*reload)(struct config *c, void *arg, struct err *e);
    void *reload_arg;
};

/* Returns when the server has ended; *status is what the program exits with. */
bool supervisor_run(struct supervisor_params *p, int *status, struct err *e) MUST_USE;

#endif
