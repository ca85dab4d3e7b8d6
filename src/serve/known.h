/* SPDX-License-Identifier: Apache-2.0 */
/* serve/known: the fields that each route takes, and those of a request that it does not.
 *
 * A field that is not known is passed over, counted, and its name logged once; with the
 * configuration's `strict` it is refused, by its path. Known is what is read, what is refused by
 * name, and what concerns only the service that an API comes from (user, metadata). What a client
 * names itself is not looked into: schemas, arguments of calls, metadata. */
#ifndef MOAT_SERVE_KNOWN_H
#define MOAT_SERVE_KNOWN_H

#include "serve/problem.h"
#include "serve/route.h"

#define KNOWN_PATH 128u /* bytes of a path: "messages[3].content[0].txet" */

struct exchange;

enum { KNOWN_LOGGED = 64 /* names that are logged, of a server */, KNOWN_MOST = 100 /* counted */ };
enum { KNOWN_DIALECTS = DIALECT_MIRROR /* those before it have bodies */ };

/* Of a server: what has been given and not been known. */
struct known_log {
    uint64_t n[KNOWN_DIALECTS];
    uint32_t n_logged;
    uint32_t hash[KNOWN_LOGGED]; /* of those that have been logged */
};

/* False: strict, and *p names the first of them; the path lies in the exchange. */
bool known_check(struct exchange *x, struct problem *p) MUST_USE;

#endif
