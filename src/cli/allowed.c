/* SPDX-License-Identifier: Apache-2.0 */
/* cli/allowed: see allowed.h. */
#include "cli/allowed.h"

#include <string.h>
#include <unistd.h>

#include "store/admit.h"

enum { GROUPS = 1024 };

static unsigned held_by_caller(const struct roles *r)
{
    gid_t gid[GROUPS];
    int n = getgroups(GROUPS - 1, gid);
    n = n < 0 ? 0 : n; /* of more than there is room for none counts */
    gid[n++] = getgid();
    return roles_of(r, getuid(), gid, (size_t)n);
}

/* (I1) Where the policy does not hold nobody knows who holds which role: what mends it is let
 * through, and what runs a model, to fail by itself; the rest fails with the policy's own reason.
 */
bool allowed(const char *command, int argc, char **argv, struct err *e)
{
    struct admission a = {0};
    const char *verb = argc > 1 ? argv[1] : "";
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--help", 6) == 0)
            return true;
    bool holds = admit_begin(&a, false, e);
    bool ok = holds ? roles_allow(held_by_caller(&a.policy.roles), command, verb, e)
                    : roles_for(command, verb) & (ROLE_OFFICER | ROLE_USER);
    admit_end(&a);
    return ok;
}
