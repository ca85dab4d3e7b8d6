/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sandbox: what a role of this program can still reach, once it has entered.
 *
 * Five layers, in this order, each of which the kernel keeps for good and for all children:
 *   network     an empty network namespace (through a user namespace where this is not root)
 *   files       Landlock: only what `read` and `write` name; no TCP port; nobody outside signalled
 *   user        where root started it: a user id that owns nothing (front, engine, fetch)
 *   rights      no capability it does not need, none to be gained, no core dump, not traceable
 *   calls       seccomp: the system calls of guard/sandbox_calls and no others
 * The fetch role is the one that may dial: it keeps the network, and of sockets TCP and UDP; or, if
 * it is `local`, Unix sockets alone.
 *
 * What the machine refuses (a container, an unprivileged user, an old kernel) is in `state`, with
 * why; in the air-gap profile a missing network, files or calls layer is ERR_DENIED instead. Memory
 * that is short is no such refusal: no role goes on without a layer because of it (ERR_LIMIT). A
 * call outside the list fails with EPERM, one of those that lead out ends the process; in the
 * air-gap profile every call outside the list does. Instrumented builds (ASan) have no layer: their
 * run-time needs what these forbid. */
#ifndef MOAT_GUARD_SANDBOX_H
#define MOAT_GUARD_SANDBOX_H

#include <stdint.h>

#include "base/err.h"

enum sandbox_role {
    SANDBOX_SUPERVISOR,
    SANDBOX_FRONT,
    SANDBOX_ENGINE,
    SANDBOX_KEEPER,
    SANDBOX_AUDITOR,
    SANDBOX_STARTER, /* starts fetch roles for the keeper, and does nothing else */
    SANDBOX_FETCH,
    SANDBOX_COMMAND, /* moat run, bench and the like, in one process */
    SANDBOX_IMPORT,  /* moat import, pull, create, pack: writes the store, has files fetched */
    SANDBOX_ROLES
};

enum sandbox_layer {
    SANDBOX_NETWORK,
    SANDBOX_FILES,
    SANDBOX_USER,
    SANDBOX_RIGHTS,
    SANDBOX_CALLS,
    SANDBOX_LAYERS
};

enum { SANDBOX_PATHS = 24, SANDBOX_WHY = 96 };

enum sandbox_outcome { SANDBOX_NOT_MEANT, SANDBOX_APPLIED, SANDBOX_REFUSED };

struct sandbox_state {
    enum sandbox_outcome outcome;
    char why[SANDBOX_WHY]; /* of what was refused */
    int error;             /* the same, as errno */
};

struct sandbox {
    enum sandbox_role role;
    bool airgap;
    bool local; /* of the fetch role: it asks a server of this machine, over its Unix socket */
    unsigned without; /* 1 << layer: for the tests that show what each layer is good for */
    const char
        *read[SANDBOX_PATHS]; /* files or whole folders; NULL ends; absent ones are skipped */
    const char *write[SANDBOX_PATHS]; /* the same, which may also be read */
    struct sandbox_state state[SANDBOX_LAYERS];
};

bool sandbox_is_built_in(void); /* false: an instrumented build */
const char *sandbox_role_name(enum sandbox_role role);
const char *sandbox_layer_name(enum sandbox_layer layer);
/* Is it meant to have this layer at all? */
bool sandbox_has(enum sandbox_role role, enum sandbox_layer layer);

/* While the process has one thread. It stays as it is for good; threads and children have it too,
 * and enter a narrower one of their own. */
bool sandbox_enter(struct sandbox *s, struct err *e) MUST_USE;
/* The engine, the command: once the model is loaded and its patterns are compiled. From then on no
 * page becomes executable; the engine opens no file, starts no thread, and has its own user. */
bool sandbox_seal(struct sandbox *s, struct err *e) MUST_USE;

/* The halves of sandbox_enter, for guard/attest: everything but the calls, then the calls. */
bool sandbox_enter_space(struct sandbox *s, struct err *e) MUST_USE;
bool sandbox_enter_calls(struct sandbox *s, struct err *e) MUST_USE;

#endif
