/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audit_follow: moat audit tail --follow: what is added to a log, as it is added. */
#ifndef MOAT_CLI_AUDIT_FOLLOW_H
#define MOAT_CLI_AUDIT_FOLLOW_H

#include "cli/audit_opts.h"

/* The log has been verified up to record `after`: what comes behind it is shown, a record a line to
 * who has an auditor's key, else the line that a witness keeps. Ends at Ctrl-C, or when nothing
 * came for o->quiet_s seconds (0: never). */
bool audit_follow_show(const struct audit_opts *o, uint64_t after, struct err *e) MUST_USE;

#endif
