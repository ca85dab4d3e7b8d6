/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pull_opts: the options of moat pull. */
#ifndef MOAT_CLI_PULL_OPTS_H
#define MOAT_CLI_PULL_OPTS_H

#include "cli/opts.h"
#include "fetch/line.h"
#include "fetch/url.h"

struct pull_options {
    const char *what, *name, *sha256, *config, *token_file;
    const char *mirror[LIMIT_PULL_SOURCES - 1];
    uint32_t n_mirror;
    struct fetch_job job; /* how to fetch; its addresses are filled later */
    bool json, go_on;
};

/* As without any option. */
void pull_options_init(struct pull_options *o);

bool pull_options_parse(struct pull_options *o, const struct command *cmd, int argc, char **argv,
                        bool *helped, struct err *e) MUST_USE;
/* The token that was given, for the host of that address. */
bool pull_auth(const struct pull_options *o, const struct url *u, struct fetch_job *job,
               struct err *e) MUST_USE;

#endif
