/* SPDX-License-Identifier: Apache-2.0 */
/* cli/logs_show: what moat logs find found, as a table, as JSON and as one HTML file.
 *
 * JSON:
 * {"from","to","onset","files":[{"name","lines","events","bucket"}],"suspects":[{"rank","score",
 * "file","line","time","level","event","template","message","why":[..],"count","before","bucket",
 * "around":[{"line","text"}]}],"alerts":[ids],"sessions":[{"file","kind","count","broken":[..]}]}.
 * Messages and templates are masked. The HTML file holds the same JSON and needs nothing else. */
#ifndef MOAT_CLI_LOGS_SHOW_H
#define MOAT_CLI_LOGS_SHOW_H

#include "base/json.h"
#include "work/logs_find.h"

struct logs_shown {
    const struct logs_find *find;
    const struct logs_sessions *sessions; /* [find->n_source] */
    uint32_t top;                         /* suspects; 0: all */
    bool unmasked;
};

bool logs_show_table(const struct logs_shown *s, struct err *e) MUST_USE;
json_t *logs_show_json(const struct logs_shown *s, struct err *e) MUST_USE;
bool logs_show_html(const json_t *j, const char *path, struct err *e) MUST_USE;

#endif
