/* SPDX-License-Identifier: Apache-2.0 */
/* serve/supervisor: what its files share. */
#ifndef MOAT_SERVE_SUPERVISOR_PRIVATE_H
#define MOAT_SERVE_SUPERVISOR_PRIVATE_H

#include <signal.h>
#include <sys/types.h>

#include "guard/audit.h"
#include "serve/isolate.h"
#include "serve/ledger.h"
#include "serve/supervisor.h"

struct engine {
    pid_t pid;   /* 0: none now */
    bool wanted; /* one is to be there */
    bool fatal;  /* where it cannot be, the server ends */
    uint64_t started_ns, due_ns;
    unsigned falls; /* soon after each other */
};

struct supervisor {
    struct supervisor_params *p;
    struct listeners listeners;
    struct engine engines[SERVED_MAX];
    struct engine front, keeper, auditor, teller;
    int audit[2]; /* the auditor's lines: the front's end of its own, kept for the next front, and
                     ours; -1: none now */
    struct isolate_attest attest;
    int line; /* to the front; -1: none now */
    struct ledger_book book;
    char witness[AUDIT_PATH]; /* the file that the audit log is witnessed in, or "" */
    char token[AUDIT_PATH];   /* of the other machines that witness it */
    bool tells;               /* there are some */
    int telling;              /* the teller's line; -1: none now */
    uint64_t drain_ns, keys_due_ns, store_due_ns;
    bool draining, done;
    int status;
    int pipe[2]; /* signals */
    sigset_t before;
};

/* An act of the server itself; lost only where the auditor is, who says so. */
void supervisor_record(const struct supervisor *s, const char *what, const struct served *m,
                       const char *outcome);

/* supervisor_reload.c */
void supervisor_reload(struct supervisor *s);
void supervisor_watch_keys(struct supervisor *s);  /* reads them anew where they have changed */
void supervisor_watch_store(struct supervisor *s); /* likewise which models there are */

#endif
