/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pull_show: what is seen of a pull: a bar on stderr, or JSON lines on stdout. */
#ifndef MOAT_CLI_PULL_SHOW_H
#define MOAT_CLI_PULL_SHOW_H

#include "cli/progress.h"
#include "store/pull.h"

struct pull_show {
    struct progress bar;
    const char *name; /* borrowed */
    bool json, begun, checking, waited;
    uint64_t told_ns;
};

/* Watches for Ctrl-C as well, until the end. */
void pull_show_start(struct pull_show *s, const char *name, bool json, struct pull_watch *watch);
void pull_show_end(struct pull_show *s);

#endif
