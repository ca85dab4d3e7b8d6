/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audit_opts: what moat audit was asked, for all its verbs. */
#ifndef MOAT_CLI_AUDIT_OPTS_H
#define MOAT_CLI_AUDIT_OPTS_H

#include "cli/audit_filter.h"
#include "guard/audit_settings.h"

enum { AUDIT_WITNESSES = 16 };

struct audit_opts {
    struct audit_settings settings; /* of init; auditors also of export, removers of verify */
    const char *witnesses[AUDIT_WITNESSES];
    uint32_t n_witnesses, last;
    const char *identity, *key, *reason, *log, *dir, *token_file, *ca;
    struct audit_filter filter; /* of list, export, stats and tail --follow */
    uint32_t quiet_s;           /* of tail --follow; 0: for ever */
    char path[4096];            /* the folder of the log */
    bool line, follow, json, helped;
};

#endif
