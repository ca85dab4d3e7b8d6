/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audit_show: the verbs of moat audit that read. `word` is the argument behind the verb, or
 * NULL. */
#ifndef MOAT_CLI_AUDIT_SHOW_H
#define MOAT_CLI_AUDIT_SHOW_H

#include "cli/audit_opts.h"
#include "guard/audit_read.h"

bool audit_show_verify(struct audit_opts *o, const char *word, struct err *e) MUST_USE;
bool audit_show_list(struct audit_opts *o, const char *word, struct err *e) MUST_USE;
bool audit_show_export(struct audit_opts *o, const char *word, struct err *e) MUST_USE;
bool audit_show_tail(struct audit_opts *o, const char *word, struct err *e) MUST_USE;
bool audit_show_stats(struct audit_opts *o, const char *word, struct err *e) MUST_USE;
/* One record as a line: of JSON, or its columns with blanks between them; *shown: the filter lets
 * it. */
bool audit_show_entry(const struct audit_entry *entry, const struct audit_opts *o, bool *shown,
                      struct err *e) MUST_USE;

#endif
