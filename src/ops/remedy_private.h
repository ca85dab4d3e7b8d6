/* SPDX-License-Identifier: Apache-2.0 */
/* ops/remedy_private: what doing and undoing share. */
#ifndef MOAT_OPS_REMEDY_PRIVATE_H
#define MOAT_OPS_REMEDY_PRIVATE_H

#include "base/json.h"
#include "ops/remedy.h"

struct remedy_work {
    const char *root;
    json_t *done; /* [{"kind":, "path":, "before":, "after":}], oldest first; owned */
    remedy_note_fn *note;
    void *arg;
};

extern const char *const remedy_kinds[]; /* of enum step_kind, as the record has them */

void remedy_say(const struct remedy_work *w, const char *format, const char *path);

/* An absent record is an empty one. One that others than this user may have written is refused:
 * root acts upon it. */
bool remedy_load_record(struct remedy_work *w, struct err *e) MUST_USE;
bool remedy_save_record(const struct remedy_work *w, struct err *e) MUST_USE;

/* path is below the root. */
bool remedy_make_parent(const char *path, struct err *e) MUST_USE;
bool remedy_write_whole(const struct remedy_work *w, const char *path, struct str text,
                        struct err *e) MUST_USE;
bool remedy_set_value(const struct remedy_work *w, const char *path, const char *value,
                      struct err *e) MUST_USE;
bool remedy_remove(const struct remedy_work *w, const char *path, struct err *e) MUST_USE;
/* "always [madvise] never" -> "madvise"; a plain value is itself. */
struct str remedy_chosen_value(struct str text);
bool remedy_reload_systemd(void);

#endif
