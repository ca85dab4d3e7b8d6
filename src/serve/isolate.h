/* SPDX-License-Identifier: Apache-2.0 */
/* serve/isolate: which files each role of a server needs, and the sandbox around it
 * (guard/sandbox).
 *
 * The supervisor enters first and all others inherit what it gave up; so the two processes that
 * need more are forked before it: the starter, which starts fetch roles for the keeper, and the
 * test of all sandboxes (guard/attest), whose verdict the supervisor waits for. */
#ifndef MOAT_SERVE_ISOLATE_H
#define MOAT_SERVE_ISOLATE_H

#include "guard/sandbox.h"
#include "serve/config.h"
#include "serve/served.h"

struct isolate {
    struct sandbox sandbox;
    char store[4096], packs[4096], log[4096], leaves[4096];
    char folder[3 + LISTEN_MAX][1024]; /* of split models; of socket files, a witness */
    unsigned n_folders;
};

/* What the role may read and write, whatever the model. */
void isolate_init(struct isolate *i, enum sandbox_role role, bool airgap);
/* Also the packed weights of the store and the hashes kept for a policy; the folder of a file that
 * will be written. */
void isolate_packs(struct isolate *i);
void isolate_file(struct isolate *i, const char *path);
void isolate_terminal(struct isolate *i); /* and the terminal */

/* Before anything is opened. *attest is the process of the test (its exit status is 0 or of
 * ERR_DENIED); there is no starter in the air-gap profile. */
bool isolate_helpers(const struct config *c, int *attest, struct err *e) MUST_USE;
/* Each in its own process, which has one thread; what was refused is logged. `witness` is the file
 * that the audit log is witnessed in, or "". */
bool isolate_supervisor(const struct listeners *l, const struct config *c, const char *witness,
                        struct err *e) MUST_USE;
bool isolate_auditor(const struct config *c, const char *witness, struct err *e) MUST_USE;
/* Of the process that takes checkpoints to other machines (serve/witness): `token` is a file that
 * it reads, or "". */
bool isolate_teller(const struct config *c, const char *token, struct err *e) MUST_USE;
bool isolate_front(const struct config *c, struct err *e) MUST_USE;
bool isolate_keeper(const struct config *c, struct err *e) MUST_USE;
/* Before the model is parsed; `i` lives on until isolate_seal (an engine_role's `ready`). */
bool isolate_engine(struct isolate *i, const struct served *model, const struct config *c,
                    struct err *e) MUST_USE;
bool isolate_seal(void *i, struct err *e) MUST_USE;

#endif
