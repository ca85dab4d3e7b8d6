/* SPDX-License-Identifier: Apache-2.0 */
/* guard/sandbox: what its files share. Each layer returns whether it is in force, else errno says
 * why not. */
#ifndef MOAT_GUARD_SANDBOX_PRIVATE_H
#define MOAT_GUARD_SANDBOX_PRIVATE_H

#include "guard/sandbox.h"

/* Bits of roles in the table of calls. A sealed engine or command is a role of its own there. */
enum {
    CALLS_SUPERVISOR = 1u << SANDBOX_SUPERVISOR,
    CALLS_FRONT = 1u << SANDBOX_FRONT,
    CALLS_ENGINE = 1u << SANDBOX_ENGINE,
    CALLS_KEEPER = 1u << SANDBOX_KEEPER,
    CALLS_AUDITOR = 1u << SANDBOX_AUDITOR,
    CALLS_STARTER = 1u << SANDBOX_STARTER,
    CALLS_FETCH = 1u << SANDBOX_FETCH,
    CALLS_COMMAND = 1u << SANDBOX_COMMAND,
    CALLS_IMPORT = 1u << SANDBOX_IMPORT,
    CALLS_SEALED = 1u << SANDBOX_ROLES
};

bool sandbox_network(void);                    /* an empty network namespace */
bool sandbox_files(const struct sandbox *s);   /* Landlock */
bool sandbox_rights(unsigned kept);            /* kept: capabilities, 1 << CAP_x */
bool sandbox_own_user(enum sandbox_role role); /* leaves root for a user that owns nothing */
bool sandbox_calls(const struct sandbox *s, bool sealed);
/* The filter that this loads. */
struct program;
void sandbox_make_calls(const struct sandbox *s, bool sealed, struct program *p);

/* The calls of these roles by name, one text of names a row. */
struct sandbox_row {
    unsigned roles;
    const char *names; /* separated by blanks */
};
extern const struct sandbox_row sandbox_rows[];
extern const unsigned sandbox_n_rows;
extern const char *const sandbox_fatal; /* never anybody's: they end the process */
/* Whose calls a role may make: its own and those of the roles it starts. */
unsigned sandbox_rows_of(enum sandbox_role role, bool sealed);

#endif
