/* SPDX-License-Identifier: Apache-2.0 */
/* guard/policy: which models may run here: a signed list, and the keys that must have signed it.
 *
 * A policy is a JSON document with signatures beside it (guard/sign, SIGN_POLICY):
 *
 *     {"policy": 1, "version": 7, "expires": "2027-06-30T00:00:00Z",
 *      "keys": ["ed25519:... Ann", "ed25519:... Bo"], "needed": 2,
 *      "models": [{"name": "smollm2:135m", "sha256": "<hex>", "size": bytes, "tree": "<hex>",
 *                  "template_sha256": "<hex>", "packs": [{"layout": 2, "root": "<hex>"}],
 *                  "use": ["model", "draft"], "not_before": "...", "not_after": "...",
 *                  "note": "evaluated on ..."}],
 *      "roles": as guard/roles has them, or absent}
 *
 * tree is the root of the file's hash tree (base/hash): with it every MiB can be checked by itself.
 * packs are the roots of its packed weights (engine/packed); any other pack is not used.
 * template_sha256 is that of the chat template inside the file, for people who compare: the file's
 * own hash covers it. keys and needed say who must have signed the next policy.
 *
 * Where one is installed it counts for every model that runs: one that is not on it is refused, and
 * so is everything if the policy cannot be read, is not signed as it must be, has expired or is
 * older than one that was there before.
 *
 *     DIR/trust.json                     {"keys": [...], "needed": m, "seen": version, "clock": s}
 *     DIR/policy.json, policy.json.sig   as they were installed
 *     DIR/leaves/<tree>                  hashes of leaves of files that have run: a cache
 *
 * clock is the latest time this machine has seen here: setting its clock back does not bring
 * anything to life again. Who may write to DIR decides what runs: it is the officer's, not the
 * service's. */
#ifndef MOAT_GUARD_POLICY_H
#define MOAT_GUARD_POLICY_H

#include "base/hash.h"
#include "guard/roles.h"
#include "guard/sign.h"

enum {
    POLICY_PACKS = 4,
    POLICY_TEXT = 256, /* of a name or a note, with its NUL */
    POLICY_MODELS = 4096,
    POLICY_BYTES = 8 << 20
};

enum policy_use { POLICY_MODEL = 1, POLICY_DRAFT = 2 };

struct policy_model {
    char name[POLICY_TEXT], note[POLICY_TEXT];
    struct hash sha256, tree, template; /* template all 0: it has none */
    uint64_t size;
    struct {
        uint32_t layout;
        struct hash root;
    } pack[POLICY_PACKS];
    uint32_t n_pack;
    unsigned uses;                 /* of enum policy_use */
    int64_t not_before, not_after; /* seconds since 1970, UTC; 0: no bound */
};

struct policy {
    struct sign_terms terms;
    struct sign_key key[SIGN_SIGNERS];
    uint32_t n_key, needed;
    struct roles roles;
    struct policy_model *v; /* [n], owned */
    size_t n;
};

/* --- the document: policy.c --- */

bool policy_parse(struct policy *p, struct str text, const char *where, struct err *e) MUST_USE;
/* The same as JSON, the caller's; NULL: memory is short. */
json_t *policy_to_json(const struct policy *p);
void policy_clear(struct policy *p);
/* Adds a model, or replaces the one of that name or file. */
bool policy_put(struct policy *p, const struct policy_model *m, struct err *e) MUST_USE;

/* --- the one that counts here: policy_home.c --- */

/* *enforced: a policy is installed in DIR, or `required` says that one must be; then everything is
 * as it must be, or this fails (ERR_DENIED), and *now is the time that counts. p is cleared by the
 * caller in any case. */
bool policy_load(struct policy *p, const char *dir, bool required, bool *enforced, int64_t *now,
                 struct err *e) MUST_USE;
/* Checks the document at path and its signatures and makes it the one that counts: against the keys
 * that are trusted here, or, for the first one, those given. */
bool policy_install(const char *path, const char *dir, const struct sign_trust *first,
                    struct policy *p, struct err *e) MUST_USE;

/* The model of this policy that the file of this hash tree is, and that may now be used so. */
const struct policy_model *policy_allows(const struct policy *p, const struct hash *tree,
                                         const char *name, enum policy_use use, int64_t now,
                                         struct err *e) MUST_USE;

#endif
