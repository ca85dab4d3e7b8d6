/* SPDX-License-Identifier: Apache-2.0 */
/* cli/config_opts: the keys of config.json as options of a command: --max-body for max_body. */
#ifndef MOAT_CLI_CONFIG_OPTS_H
#define MOAT_CLI_CONFIG_OPTS_H

#include "cli/opts.h"
#include "serve/config.h"

enum { CONFIG_GIVEN = 64, CONFIG_OPT_NAME = 32 };

struct config_opts {
    struct opt table[CONFIG_KEYS + 2]; /* a heading, one for each key that can be one, the end */
    struct config_opt_slot {
        struct config_opts *all;
        const struct config_key *key;
    } slots[CONFIG_KEYS];
    char names[CONFIG_KEYS][CONFIG_OPT_NAME];
    struct {
        const struct config_key *key;
        struct str value; /* of argv */
    } given[CONFIG_GIVEN];
    uint32_t n_given;
};

/* The keys of moat serve, or of moat mirror. It points into itself: do not copy. */
void config_opts_init(struct config_opts *o, enum config_use use);
bool config_opts_apply(const struct config_opts *o, struct config *c, struct err *e) MUST_USE;

/* The usual addresses of moat serve, where none was given. */
bool config_opts_listen(struct config *c, struct err *e) MUST_USE;

#endif
