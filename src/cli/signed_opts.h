/* SPDX-License-Identifier: Apache-2.0 */
/* cli/signed_opts: the options of commands that check the signature of a model's maker (guard/oms).
 */
#ifndef MOAT_CLI_SIGNED_OPTS_H
#define MOAT_CLI_SIGNED_OPTS_H

#include "cli/opts.h"
#include "guard/oms.h"

struct signed_opts {
    const char *signature; /* NULL: none is to be checked */
    struct oms_trust trust;
};

#define SIGNED_OPTS(o)                                                                             \
    {                                                                                              \
        "signature",                                                                               \
        0,                                                                                         \
        OPT_TEXT,                                                                                  \
        &(o)->signature,                                                                           \
        "FILE",                                                                                    \
        N_("the signature of the model's maker (OpenSSF Model Signing), which must hold"),         \
        0,                                                                                         \
        0,                                                                                         \
        NULL},                                                                                     \
        {"public-key",                                                                             \
         0,                                                                                        \
         OPT_TEXT,                                                                                 \
         &(o)->trust.public_key,                                                                   \
         "FILE",                                                                                   \
         N_("the maker's public key, PEM"),                                                        \
         0,                                                                                        \
         0,                                                                                        \
         NULL},                                                                                    \
    {                                                                                              \
        "certificate-chain", 0, OPT_CALL, &(o)->trust, "FILE",                                     \
            N_("certificates, PEM, one of which must stand behind the maker's; may be given "      \
               "again"),                                                                           \
            0, 0, take_trusted                                                                     \
    }

bool take_trusted(void *trust, struct str file, struct err *e);
/* Are they all there, or none? */
bool signed_opts_check(const struct signed_opts *o, struct err *e) MUST_USE;

#endif
