/* SPDX-License-Identifier: Apache-2.0 */
/* cli/setting_opts: the options that run/settings' table makes, and their values.
 *
 * Every key is an option with dashes (--max-tokens); context_window is --context. Options override
 * the file of --config wherever it stands on the command line, so values are remembered while
 * parsing and applied afterwards:
 *
 *     setting_opts_init(&so); tables = {own, so.table, NULL}; opts_parse(...);
 *     ok = setting_opts_apply(&so, config_path_or_NULL, &settings, e); */
#ifndef MOAT_CLI_SETTING_OPTS_H
#define MOAT_CLI_SETTING_OPTS_H

#include "cli/opts.h"
#include "run/settings.h"

enum { SETTING_OPTS = 48, SETTING_NAME = 40, SETTING_GIVEN = 256 };

struct setting_opts;
struct setting_slot {
    struct setting_opts *all;
    const struct setting *def;
};

struct setting_opts {
    struct opt table[SETTING_OPTS + 2];
    char names[SETTING_OPTS][SETTING_NAME];
    struct setting_slot slots[SETTING_OPTS];
    struct {
        const struct setting *def;
        struct str value;
    } given[SETTING_GIVEN];
    uint32_t n_given;
};

void setting_opts_init(struct setting_opts *so);
/* Only what is read when a model is opened, and not the context: for measuring commands. */
void setting_opts_init_rope(struct setting_opts *so);
bool setting_opts_apply(const struct setting_opts *so, const char *config, struct settings *s,
                        struct err *e) MUST_USE;

/* The value as the user would write it; lists as JSON. */
void setting_show(const struct settings *s, const struct setting *def, struct buf *out);

#endif
