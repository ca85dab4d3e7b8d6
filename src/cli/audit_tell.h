/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audit_tell: moat audit and the machines that witness a log: sending, asking, saying how far
 * they are. */
#ifndef MOAT_CLI_AUDIT_TELL_H
#define MOAT_CLI_AUDIT_TELL_H

#include <jansson.h>

#include "cli/audit_opts.h"
#include "guard/audit_verify.h"

/* What waits in the spool, now, to each of them. */
bool audit_tell_send(struct audit_opts *o, const char *word, struct err *e) MUST_USE;

/* The witnesses of verify: files as they are; of an address, the lines it has of this log, in a
 * file in memory. */
struct audit_asked {
    const char *path[AUDIT_WITNESSES];
    char text[AUDIT_WITNESSES][32];
    int fd[AUDIT_WITNESSES];
    uint32_t n;
};
bool audit_tell_ask(const struct audit_opts *o, struct audit_asked *a, struct err *e) MUST_USE;
void audit_tell_forget(struct audit_asked *a);

/* How far each machine is, as this one notes it: that proves nothing. Nothing where the folder is a
 * copy without settings, or no machine is told. */
void audit_tell_say(const char *dir);
json_t *audit_tell_json(const char *dir); /* an array */

#endif
