/* SPDX-License-Identifier: Apache-2.0 */
/* serve/peer: who is at the other end of a Unix socket, as the kernel says. */
#ifndef MOAT_SERVE_PEER_H
#define MOAT_SERVE_PEER_H

#include "guard/roles.h"
#include "serve/conn.h"

/* False: it is another socket, or a user that this process cannot tell from others: one that its
 * user namespace does not hold (the front has one unless the server was started by root). */
bool peer_user(const struct conn *c, uint32_t *uid);
/* What the roles of that user are; those of nobody where it is not known. */
unsigned peer_roles(const struct conn *c, const struct roles *r);

#endif
