/* SPDX-License-Identifier: Apache-2.0 */
/* guard/roles: who may do what on a machine: a user asks models, an operator looks after them, a
 * security officer says which may run, an auditor reads what was done.
 *
 * Who holds which stands in the policy (guard/policy), so that it takes as many signatures to
 * change as what may run:
 *
 *     "roles": {"user": ["gid:1000"], "operator": ["uid:1001"], "officer": ["uid:1002"],
 *               "auditor": ["uid:1003", "uid:1004"]}
 *
 * uid: a user of the system; gid: whoever is in that group. Without "roles", or without a policy,
 * everybody holds all of them, as far as the permissions of files go. Root holds what it is given.
 *
 * Commands are looked up in the table of roles.c. At a server, whoever comes through a Unix socket
 * may do what the roles of their user allow (the kernel says who that is); a key, and so the
 * subject of a client's certificate, was given a role's scopes when it was made (moat key add
 * --role). */
#ifndef MOAT_GUARD_ROLES_H
#define MOAT_GUARD_ROLES_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum role { ROLE_USER = 1, ROLE_OPERATOR = 2, ROLE_OFFICER = 4, ROLE_AUDITOR = 8, ROLE_ALL = 15 };
enum { ROLES_MOST = 256, ROLES_WHO = 24 /* "gid:4294967295", with its NUL */ };

struct roles {
    bool told; /* else everybody holds all */
    uint32_t n;
    struct role_holder {
        bool group;
        uint32_t id;
        unsigned roles;
    } v[ROLES_MOST];
};

/* NULL: there is nothing to read. ERR_CORRUPT */
bool roles_parse(struct roles *r, const json_t *j, struct err *e) MUST_USE;
json_t *roles_to_json(const struct roles *r); /* the caller's; NULL: not told, or short of memory */

/* "uid:1000"; the roles "user,auditor" or "none" take the place of those it had. ERR_USAGE */
bool roles_set(struct roles *r, struct str who, struct str roles, struct err *e) MUST_USE;
void roles_who(const struct role_holder *h, char out[ROLES_WHO]);
void roles_list(unsigned roles, char out[64]); /* "user, auditor" */
bool roles_read(unsigned *roles, struct str list, struct err *e) MUST_USE;

unsigned roles_of(const struct roles *r, uint32_t uid, const uint32_t *gid, size_t n);

/* May who holds these give the command, whose next word is verb or ""? ERR_DENIED names the roles
 * that may. */
bool roles_allow(unsigned held, const char *command, const char *verb, struct err *e) MUST_USE;
unsigned roles_for(const char *command, const char *verb); /* 0: it has no row */
unsigned roles_scopes(unsigned held);                      /* of guard/keys, at a server */

#endif
