/* SPDX-License-Identifier: Apache-2.0 */
/* ops/remedy: the few changes to a machine that moat makes itself, and takes back.
 *
 * A plan is a list of steps: a file of moat's own, a line in a file of the system, a value of the
 * kernel, a swap file, a reload of systemd. Each step is written to a record (what was there
 * before) before it is done, so that undo works after a crash too; undo goes backwards and leaves
 * alone what others have changed since. Doing a step that is done already does nothing.
 *
 * Below a root files are changed there, and what concerns the running system (kernel values, swap,
 * systemd) is left out. */
#ifndef MOAT_OPS_REMEDY_H
#define MOAT_OPS_REMEDY_H

#include "base/buf.h"
#include "ops/verdict.h"

#define REMEDY_RECORD   "/var/lib/moat-doctor/done.json"
#define REMEDY_SWAPFILE "/var/lib/moat-doctor/swapfile"

enum step_kind { STEP_FILE, STEP_LINE, STEP_VALUE, STEP_SWAP, STEP_SYSTEMD };

struct remedy_step {
    enum step_kind kind;
    const char *path;
    char text[256]; /* the file, the line without its newline, or the value */
    uint64_t bytes; /* of the swap file */
};

struct remedy_plan {
    struct remedy_step step[12];
    uint32_t n;
};

/* "swap", "huge-pages", "files", "pool"; REMEDY_NONE: no such name. */
enum remedy remedy_named(struct str name);

/* What the checks of v ask for; only: REMEDY_NONE for all of it. swap_bytes: 0, or so large a swap
 * file whether asked for or not. */
void remedy_plan(struct remedy_plan *p, const struct host *h, const struct verdict *v,
                 enum remedy only, uint64_t swap_bytes);
/* The step as a line of shell that does the same. */
void remedy_describe(const struct remedy_step *s, struct buf *out);

/* Says what was done, or left alone and why: a translated line. May be NULL. */
typedef void remedy_note_fn(void *arg, const char *line);

/* ERR_DENIED without the right to. What was done before a failure stays recorded. */
bool remedy_apply(const struct remedy_plan *p, const char *root, remedy_note_fn *note, void *arg,
                  struct err *e) MUST_USE;
bool remedy_undo(const char *root, remedy_note_fn *note, void *arg, struct err *e) MUST_USE;

#endif
