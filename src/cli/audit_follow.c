/* SPDX-License-Identifier: Apache-2.0 */
/* cli/audit_follow: see audit_follow.h. */
#include "cli/audit_follow.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/audit_show.h"
#include "cli/interrupt.h"
#include "guard/audit.h"
#include "guard/audit_read.h"

#define LOOK_MS 500u

struct following {
    const struct audit_opts *o;
    uint64_t after;
    bool any;
    struct audit_checkpoint point; /* the newest that was not shown; leaves 0: none */
    struct hash log;
};

static bool on_entry(void *arg, const struct audit_entry *entry, struct err *e)
{
    struct following *f = arg;
    if (entry->number <= f->after)
        return true;
    bool shown;
    f->after = entry->number;
    if (!audit_show_entry(entry, f->o, &shown, e))
        return false;
    f->any = f->any || shown;
    return true;
}

static bool on_point(void *arg, const struct audit_checkpoint *p, const struct hash *log,
                     struct err *e)
{
    struct following *f = arg;
    (void)e;
    if (p->records > f->after) {
        f->point = *p;
        f->log = *log;
    }
    return true;
}

/* The newest says what all did. */
static void show_point(struct following *f)
{
    char line[AUDIT_LINE_BYTES];
    if (f->o->identity || !f->point.leaves)
        return;
    audit_line(&f->point, &f->log, line);
    puts(line);
    f->any = true;
    f->after = f->point.records;
    f->point.leaves = 0;
}

static bool follow(struct following *f, struct audit_reading *r, struct err *e)
{
    const struct timespec pause = {0, LOOK_MS * 1000000L};
    struct audit_follow *log;
    uint64_t quiet_ms = 0;
    bool ok = audit_follow_open(&log, f->o->path, r, on_point, e);
    while (ok && !atomic_load(interrupt_flag())) {
        f->any = false;
        ok = audit_follow_more(log, e);
        show_point(f);
        fflush(stdout);
        quiet_ms = f->any ? 0 : quiet_ms + LOOK_MS;
        if (f->o->quiet_s && quiet_ms > f->o->quiet_s * 1000ull)
            break;
        nanosleep(&pause, NULL);
    }
    audit_follow_close(log);
    return ok;
}

bool audit_follow_show(const struct audit_opts *o, uint64_t after, struct err *e)
{
    struct audit_identity id;
    struct following f = {.o = o, .after = after};
    struct audit_reading r = {.fn = on_entry, .arg = &f};
    if (o->identity && !audit_identity_read(&id, o->identity, e))
        return false;
    r.identity = o->identity ? &id : NULL;
    interrupt_begin();
    bool ok = follow(&f, &r, e);
    interrupt_end();
    if (o->identity)
        audit_identity_clear(&id);
    return ok;
}
