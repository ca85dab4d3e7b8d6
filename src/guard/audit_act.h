/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_act: the records of an act: what all of them have, and what they hold of a text. */
#ifndef MOAT_GUARD_AUDIT_ACT_H
#define MOAT_GUARD_AUDIT_ACT_H

#include "guard/audit.h"

enum { AUDIT_ID = 33 }; /* of an act, with its NUL */

/* An id for an act that has none of its own; "act_" and 24 digits. */
bool audit_act_id(char id[AUDIT_ID], struct err *e) MUST_USE;
/* {"act", "id", "phase"}; the caller's. NULL: memory is short. */
json_t *audit_act(const char *act, const char *id, const char *phase);
/* What the log is to have of a text: NAME_bytes and NAME_sha256, or nothing. */
bool audit_act_hash(json_t *record, enum audit_content content, const char *name, struct str text,
                    struct err *e) MUST_USE;
/* The text itself, in records of their own, where the log is to have it. */
bool audit_act_content(struct audit *a, const char *id, const char *name, struct str text,
                       struct err *e) MUST_USE;
/* Without user and password, where it is an address: into out. */
void audit_act_clean(struct str text, struct buf *out);

#endif
