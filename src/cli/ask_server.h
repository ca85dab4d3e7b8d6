/* SPDX-License-Identifier: Apache-2.0 */
/* cli/ask_server: a question to the moat serve of this machine, or of another one.
 *
 * It is reached where its configuration says that it listens: over its Unix socket, if that is
 * there, which needs no key; else over HTTP or HTTPS. The fetch role does both, as this process
 * dials nowhere; in the air-gap build, which has no such role, it is ERR_UNSUPPORTED. */
#ifndef MOAT_CLI_ASK_SERVER_H
#define MOAT_CLI_ASK_SERVER_H

#include <jansson.h>

#include "base/limits.h"
#include "cli/opts.h"

struct ask_server {
    const char *at;         /* "unix:PATH" or a URL; NULL: as the configuration has it */
    const char *config;     /* which; NULL: the usual one */
    const char *token_file; /* a key of the server; NULL: none */
};

struct server_answer {
    int status;                  /* of HTTP */
    json_t *body;                /* an object; owned */
    char where[LIMIT_URL_BYTES]; /* that answered */
    bool local;                  /* over its socket */
    unsigned uid;                /* whose socket it is; of a local one */
};

/* The three options, to be copied into a command's table. */
#define ASK_SERVER_OPTS(a)                                                                         \
    {"at",                                                                                         \
     0,                                                                                            \
     OPT_TEXT,                                                                                     \
     &(a)->at,                                                                                     \
     "ADDRESS",                                                                                    \
     N_("where the server is: unix:PATH, http://HOST:PORT or https://HOST:PORT (default: where "   \
        "its configuration says)"),                                                                \
     0,                                                                                            \
     0,                                                                                            \
     NULL},                                                                                        \
        {"config", 0,                                                                              \
         OPT_TEXT, &(a)->config,                                                                   \
         "FILE",   N_("the configuration (default: ~/.config/moat/config.json)"),                  \
         0,        0,                                                                              \
         NULL},                                                                                    \
    {                                                                                              \
        "token-file", 0, OPT_TEXT, &(a)->token_file, "FILE", N_("a file that holds a key of it"),  \
            0, 0, NULL                                                                             \
    }

/* GET, or POST of `text` (JSON). Any answer that is a JSON object is a success. */
bool ask_server(const struct ask_server *q, const char *path, const char *text,
                struct server_answer *a, struct err *e) MUST_USE;
void server_answer_clear(struct server_answer *a);
/* An answer of 200; else the error that the server gave. */
bool server_answer_good(const struct server_answer *a, struct err *e) MUST_USE;

#endif
