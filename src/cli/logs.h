/* SPDX-License-Identifier: Apache-2.0 */
/* cli/logs: the verbs of `moat logs`, each in a file of its own. */
#ifndef MOAT_CLI_LOGS_H
#define MOAT_CLI_LOGS_H

#include "cli/opts.h"

/* Where find and follow tell of what they found (cli/webhook). */
#define LOGS_WEBHOOK_OPTIONS(url, token)                                                           \
    {"webhook",                                                                                    \
     0,                                                                                            \
     OPT_TEXT,                                                                                     \
     (url),                                                                                        \
     "URL",                                                                                        \
     N_("tell this address by POST of what is found, as JSON; only on this machine and in "        \
        "private "                                                                                 \
        "networks"),                                                                               \
     0,                                                                                            \
     0,                                                                                            \
     NULL},                                                                                        \
    {                                                                                              \
        "token-file", 0, OPT_TEXT, (token), "FILE", N_("the token for the webhook"), 0, 0, NULL    \
    }

extern const struct command logs_ask;

extern const struct command logs_find;

extern const struct command logs_follow;

extern const struct command logs_parse;

#endif
