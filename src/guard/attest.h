/* SPDX-License-Identifier: Apache-2.0 */
/* guard/attest: tries to get out of each role's own sandbox, by every way known to us.
 *
 * A row of attest_channels is one way (out to the network, to another process, to a file that is
 * none of the role's, to more rights). For each role a process enters its sandbox, and a child of
 * it tries each way, against peers that stand outside: what got out is what the peer has, or what
 * the child could do. The control is the same without any sandbox: a way that leads nowhere even
 * then proves nothing about the sandbox, and is said to be absent here.
 *
 * "may" is what a role is there for: the fetch role dials. A way that only a refused layer (an old
 * kernel, a container) would have closed counts as not applied. */
#ifndef MOAT_GUARD_ATTEST_H
#define MOAT_GUARD_ATTEST_H

#include "guard/sandbox.h"

/* The roles, the engine while it loads (before its seal), and the control. */
enum { ATTEST_LOADING = SANDBOX_ROLES, ATTEST_CONTROL, ATTEST_COLUMNS, ATTEST_CHANNELS = 32 };

enum attest_outcome {
    ATTEST_UNTRIED,
    ATTEST_BLOCKED,
    ATTEST_REACHED,
    ATTEST_MAY,        /* reached, as the role is meant to */
    ATTEST_NOT_APPLIED /* reached: the layer that closes it was refused */
};

struct attest_cell {
    enum attest_outcome outcome;
    int error;  /* errno of what failed, or 0 */
    int signal; /* that ended the attempt, or 0 */
};

struct attest {
    bool quick;                          /* no control */
    struct sandbox roles[SANDBOX_ROLES]; /* given: with its paths, profile and `without` */
    /* found: */
    struct attest_cell cell[ATTEST_COLUMNS][ATTEST_CHANNELS];
    struct sandbox_state layer[ATTEST_COLUMNS][SANDBOX_LAYERS];
    unsigned n_channels, n_roles, n_reached, n_refused; /* refused: layers of all roles */
};

/* False only where the test itself cannot be made. */
bool attest_run(struct attest *a, struct err *e) MUST_USE;
/* ERR_DENIED, naming the first, where something was reached. */
bool attest_verdict(const struct attest *a, struct err *e) MUST_USE;

const char *attest_channel(unsigned i); /* its name, or NULL after the last; gettext id */
const char *attest_column(unsigned column);
bool attest_has_column(const struct attest *a,
                       unsigned column); /* there are no fetch roles in an air gap */

#endif
