/* SPDX-License-Identifier: Apache-2.0 */
/* serve/auditor: see auditor.h. */
#include "serve/auditor.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/os.h"
#include "guard/audit.h"
#include "serve/isolate.h"
#include "serve/log.h"
#include "serve/packet.h"
#include "store/store.h"

#define BATCH 256 /* records of a flush, roughly: a packet with all their ids is small */

struct auditor {
    struct audit *log;
    int front, supervisor;
    json_t *waiting; /* ids of what the next flush makes durable */
    uint64_t beat_ns;
    bool low;
};

bool auditor_folder(char dir[4096], struct err *e)
{
    struct store s;
    if (!store_open(&s, false, e))
        return false;
    store_path(&s, dir, AUDIT_FOLDER);
    return true;
}

/* --- answers -------------------------------------------------------------------------------------
 */

/* Takes ids. */
static void answer(const struct auditor *r, json_t *ids, const struct err *why)
{
    struct err e;
    json_t *j = why ? json_pack("{so si ss}", "no", ids, "code", (int)why->code, "error", why->msg)
                    : json_pack("{so}", "ok", ids);
    if (!packet_send(r->front, j, -1, false, &e))
        log_event("audit-answer-lost", "%s", e.msg);
    json_decref(j);
}

static void refuse(const struct auditor *r, const json_t *id, const struct err *why)
{
    if (id)
        answer(r, json_pack("[O]", id), why);
}

/* --- records -------------------------------------------------------------------------------------
 */

static bool has_room(struct auditor *r, struct err *e)
{
    bool low = false, room = audit_room(r->log, &low, e);
    if (low != r->low)
        log_event(low ? "audit-disk-low" : "audit-disk-good", "%s",
                  low ? "make room on the disk of the audit log" : "there is room again");
    r->low = low;
    return room;
}

static void take(struct auditor *r, const json_t *j)
{
    struct err e = {0};
    const json_t *id = json_object_get(j, "id");
    json_t *record = json_object_get(j, "record");
    if ((json_is_true(json_object_get(j, "begins")) && !has_room(r, &e)) ||
        !audit_append(r->log, record, &e))
        refuse(r, id, &e);
    else if (id)
        json_array_append(r->waiting, (json_t *)(uintptr_t)id);
}

/* At most a flush of what has come. False: the line has ended. */
static bool take_some(struct auditor *r, int line)
{
    for (int i = 0; i < BATCH; i++) {
        json_t *j;
        int fd;
        enum packet_state state = packet_take(line, &j, &fd);
        if (state != PACKET_GOT)
            return state == PACKET_NONE;
        if (fd >= 0)
            close(fd);
        take(r, j);
        json_decref(j);
    }
    return true;
}

/* False: the log cannot be written. Who waits hears of it before the heart beats, which ends an
 * epoch and so writes more files than one. */
static bool flush(struct auditor *r)
{
    struct err e = {0};
    uint64_t now = os_now_ns();
    bool ok = audit_commit(r->log, &e);
    if (json_array_size(r->waiting)) {
        answer(r, r->waiting, ok ? NULL : &e);
        r->waiting = json_array();
    }
    if (ok && r->waiting && now - r->beat_ns >= AUDIT_BEAT_MS * 1000000ull) {
        r->beat_ns = now;
        ok = audit_beat(r->log, &e);
    }
    if (!ok)
        log_event("audit-failed", "%s", e.msg);
    return ok && r->waiting;
}

static int work(struct auditor *r)
{
    bool more = true, ok = true;
    while (more && ok) {
        struct pollfd p[] = {{r->front, POLLIN, 0}, {r->supervisor, POLLIN, 0}};
        poll(p, 2, (int)AUDIT_BEAT_MS);
        if (p[1].revents)
            more = take_some(r, r->supervisor);
        if (p[0].revents)
            (void)take_some(r, r->front);
        ok = flush(r);
    }
    for (struct pollfd p = {r->front, POLLIN, 0}; ok && poll(&p, 1, 0) == 1;) {
        bool left = take_some(r, r->front);
        ok = flush(r) && left;
        if (!left)
            break;
    }
    return more ? err_exit_status(ERR_IO) : 0;
}

int auditor_main(int front, int supervisor, const struct config *config, const char *role,
                 const char *witness)
{
    struct err e = {0};
    char dir[4096];
    struct auditor r = {.front = front, .supervisor = supervisor, .waiting = json_array()};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_IGN); /* it ends after all others, with the supervisor's line */
    signal(SIGINT, SIG_IGN);
    r.beat_ns = os_now_ns();
    bool ok = r.waiting && auditor_folder(dir, &e) && isolate_auditor(config, witness, &e) &&
              audit_open(&r.log, dir, role, &e);
    if (!ok)
        log_event("audit-failed", "%s", e.msg);
    int status = ok ? work(&r) : err_exit_status(e.code ? e.code : ERR_INTERNAL);
    audit_close(r.log);
    json_decref(r.waiting);
    return status;
}
