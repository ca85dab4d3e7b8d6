/* SPDX-License-Identifier: Apache-2.0 */
/* cli/bundle: the verbs of moat bundle, and what they share. */
#ifndef MOAT_CLI_BUNDLE_H
#define MOAT_CLI_BUNDLE_H

#include "cli/opts.h"
#include "cli/progress.h"
#include "store/bundle.h"

extern const struct command bundle_create, bundle_verify_verb, bundle_install_verb;

/* --key and --needed. */
struct bundle_keys {
    const char *text[SIGN_SIGNERS];
    uint32_t n, needed;
};
bool bundle_take_key(void *keys, struct str value, struct err *e); /* for OPT_CALL */
#define BUNDLE_KEY_OPTIONS(keys)                                                                   \
    {"key",                                                                                        \
     'k',                                                                                          \
     OPT_CALL,                                                                                     \
     (keys),                                                                                       \
     "KEY",                                                                                        \
     N_("a key that is trusted: ed25519:..., or the name of a .pub file; may be given again"),     \
     0,                                                                                            \
     0,                                                                                            \
     bundle_take_key},                                                                             \
    {                                                                                              \
        "needed", 0, OPT_U32, &(keys)->needed, "N",                                                \
            N_("so many of the keys must have signed it (default 1)"), 1, SIGN_SIGNERS, NULL       \
    }

/* Opens and verifies, with a bar on a terminal. b is for bundle_close in any case. */
bool bundle_open_verified(struct bundle *b, const char *path, const struct bundle_keys *keys,
                          struct err *e) MUST_USE;

/* A bar for a long job; end it with progress_end. */
struct store_progress bundle_bar(struct progress *bar, const char *what);

/* The names of kinds in messages. */
const char *bundle_kind_text(enum bundle_kind kind);

#endif
