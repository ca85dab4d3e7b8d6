/* SPDX-License-Identifier: Apache-2.0 */
/* cli/allowed: may this user give this command? As the roles of the policy have it (guard/roles).
 */
#ifndef MOAT_CLI_ALLOWED_H
#define MOAT_CLI_ALLOWED_H

#include "base/err.h"

/* argv[0] is its name, or another that it has. Without a policy, or with one that gives no roles,
 * everybody may. Where the policy does not hold, commands that change the store are
 * refused for that reason. ERR_DENIED */
bool allowed(const char *command, int argc, char **argv, struct err *e) MUST_USE;

#endif
