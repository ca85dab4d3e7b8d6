/* SPDX-License-Identifier: Apache-2.0 */
/* serve/access: who may reach a server, and how: the keys of $MOAT_HOME/keys.json (guard/keys), and
 * the certificate that the configuration names.
 *
 * The supervisor reads the files, so that the front needs no file system; it hands their texts on,
 * at the front's start and at each reload. */
#ifndef MOAT_SERVE_ACCESS_H
#define MOAT_SERVE_ACCESS_H

#include "base/os.h"
#include "guard/key_usage.h"
#include "guard/roles.h"
#include "serve/config.h"
#include "serve/tls.h"

struct access {
    struct keys keys;
    struct key_usages used;                         /* by those keys, as their file had it */
    struct roles roles;                             /* of the policy: who may at a Unix socket */
    struct os_file_id keys_file;                    /* all 0: there is none */
    struct buf certificate, private_key, client_ca; /* PEM texts; empty: none */
};

/* Reads all that the configuration names, and checks that it can be used. Start from a zeroed
 * struct; on failure it is cleared. */
bool access_load(struct access *a, const struct config *c, struct err *e) MUST_USE;
void access_clear(struct access *a); /* wipes the key */
/* The keys alone; on failure those that were there stay. */
bool access_load_keys(struct access *a, struct err *e) MUST_USE;
/* Has their file changed since it was read last? */
bool access_keys_changed(const struct access *a);
/* Before listening: does every address have what it needs? ERR_DENIED says which lacks what, and
 * how to get it. */
bool access_check(const struct access *a, const struct config *c, struct err *e) MUST_USE;

/* To the front and back. The caller owns the JSON; NULL: memory is short. */
json_t *access_to_json(const struct access *a);
bool access_from_json(struct access *a, const json_t *j, struct err *e) MUST_USE;
/* NULL without a certificate (*e is untouched then), or where it cannot be used. */
struct tls_server *access_tls(const struct access *a, const struct config *c,
                              struct err *e) MUST_USE;

/* The key that a request gives in these headers ("Bearer KEY" in the first, or Basic with KEY as
 * the password; or KEY in the second), or NULL. */
const struct key *access_key(const struct keys *keys, struct str authorization, struct str api_key);

#endif
