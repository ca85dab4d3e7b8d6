/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit: see audit.h. */
#include "guard/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/os.h"
#include "guard/audit_private.h"

#define MIB (1ull << 20)

/* --- open and closed -----------------------------------------------------------------------------
 */

static bool path_in(const char *dir, const char *name, char path[4096], struct err *e)
{
    return snprintf(path, 4096, "%s/%s", dir, name) < 4096 ||
           fail(e, ERR_USAGE, "path is too long: %s", dir);
}

bool audit_exists(const char *dir)
{
    char path[4096];
    struct err ignored;
    return path_in(dir, AUDIT_SETTINGS, path, &ignored) && access(path, F_OK) == 0;
}

static void read_boot(uint8_t boot[AUDIT_BOOT])
{
    char line[64];
    os_first_line("/proc/sys/kernel/random/boot_id", line, sizeof line);
    (void)sodium_hex2bin(boot, AUDIT_BOOT, line, strlen(line), "-", NULL, NULL);
}

static struct audit *make(const char *dir, const char *role, struct err *e)
{
    struct audit *a = mem_new(1, sizeof *a, e);
    if (!a)
        return NULL;
    a->lock_fd = a->fd = a->witness_fd = -1;
    a->session = AUDIT_NO_SESSION;
    snprintf(a->dir, sizeof a->dir, "%s", dir);
    snprintf(a->role, sizeof a->role, "%s", role);
    buf_init(&a->pending, AUDIT_PENDING);
    buf_init(&a->out, 2 * AUDIT_PENDING);
    read_boot(a->boot);
    if (strlen(dir) < sizeof a->dir)
        return a;
    fail(e, ERR_USAGE, "path is too long: %s", dir);
    mem_free(a);
    return NULL;
}

static void discard(struct audit *a)
{
    if (a->fd >= 0)
        close(a->fd);
    if (a->lock_fd >= 0)
        close(a->lock_fd);
    if (a->witness_fd >= 0)
        close(a->witness_fd);
    audit_scan_clear(&a->scan);
    audit_signer_clear(&a->signer);
    buf_clear(&a->pending);
    buf_clear(&a->out);
    sodium_memzero(a, sizeof *a);
    mem_free(a);
}

static bool open_lock(struct audit *a, struct err *e)
{
    char path[4096];
    if (!path_in(a->dir, "lock", path, e))
        return false;
    a->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return a->lock_fd >= 0 || os_fail_open(path, e);
}

static bool lock(const struct audit *a, struct err *e)
{
    int rc;
    while ((rc = flock(a->lock_fd, LOCK_EX)) != 0 && errno == EINTR)
        ;
    return rc == 0 || fail(e, ERR_IO, "the audit log cannot be locked: %s", strerror(errno));
}

static void unlock(const struct audit *a)
{
    flock(a->lock_fd, LOCK_UN);
}

static bool begin_log(struct audit *a, struct err *e)
{
    char path[4096];
    struct audit_chain *c = &a->scan.good.chain;
    if (!audit_signer_make(&a->signer, e) || !audit_save_signer(a, e))
        return false;
    *c = (struct audit_chain){.log = a->signer.log};
    memcpy(c->key, a->signer.key, AUDIT_KEY);
    audit_make_reserve(a);
    return audit_new_segment(a, true, e) && path_in(a->dir, AUDIT_SETTINGS, path, e) &&
           audit_settings_write(&a->settings, path, e);
}

bool audit_create(const char *dir, const struct audit_settings *s, struct hash *log, struct err *e)
{
    uint32_t first, last;
    struct err none;
    if (!os_mkdirs(dir, e))
        return false;
    if (audit_exists(dir) || audit_segment_range(dir, &first, &last, &none))
        return fail(e, ERR_USAGE,
                    "there is an audit log in %s already; it is never begun anew: move the folder "
                    "away first, and keep it",
                    dir);
    struct audit *a = make(dir, "init", e);
    if (!a)
        return false;
    a->settings = *s;
    bool ok = open_lock(a, e) && lock(a, e) && begin_log(a, e);
    if (ok)
        *log = a->signer.log;
    discard(a);
    return ok;
}

bool audit_open(struct audit **out, const char *dir, const char *role, struct err *e)
{
    char path[4096];
    struct audit *a = make(dir, role, e);
    *out = a;
    if (!a)
        return false;
    bool ok = path_in(dir, AUDIT_SETTINGS, path, e) && audit_settings_read(&a->settings, path, e) &&
              open_lock(a, e) && lock(a, e);
    if (ok && a->settings.syslog)
        audit_syslog_open();
    if (ok) {
        audit_sweep_signer(a);
        ok = audit_catch_up(a, e);
        unlock(a);
    }
    if (!ok) {
        discard(a);
        *out = NULL;
    }
    return ok;
}

void audit_close(struct audit *a)
{
    struct err ignored;
    if (!a)
        return;
    json_t *j = json_pack("{ss}", "act", "close");
    buf_reset(&a->pending);
    a->closing = true;
    if (j && a->session != AUDIT_NO_SESSION && !a->dead) {
        struct pending_head head = {AUDIT_CLOSE, 0};
        bool ok = audit_append(a, j, &ignored);
        if (ok) { /* it was put there as an act */
            memcpy(&head, a->pending.p, sizeof head);
            head.kind = AUDIT_CLOSE;
            memcpy(a->pending.p, &head, sizeof head);
            (void)!audit_commit(a, &ignored);
        }
    }
    json_decref(j);
    discard(a);
}

const struct audit_settings *audit_settings_of(const struct audit *a)
{
    return &a->settings;
}

uint64_t audit_records(const struct audit *a)
{
    return a->scan.good.chain.records;
}

/* --- records -------------------------------------------------------------------------------------
 */

static bool append(struct audit *a, enum audit_kind kind, json_t *record, struct err *e)
{
    struct pending_head head = {kind, 0};
    size_t from = a->pending.n;
    json_object_set_new(record, "t", json_integer((json_int_t)audit_wall_ns()));
    json_object_set_new(record, "m", json_integer((json_int_t)os_now_ns()));
    buf_add(&a->pending, &head, sizeof head);
    bool ok =
        json_write(record, JSON_COMPACT, &a->pending, e) && buf_ok(&a->pending, "audit record", e);
    size_t bytes = a->pending.n - from - sizeof head;
    if (ok && bytes > AUDIT_RECORD_MOST)
        ok = fail(e, ERR_LIMIT, "a record of the audit log has %zu bytes, %u are the most", bytes,
                  AUDIT_RECORD_MOST);
    if (!ok) {
        a->pending.n = from < a->pending.n ? from : a->pending.n;
        a->pending.bad = false;
        return false;
    }
    head.bytes = (uint32_t)bytes;
    memcpy(a->pending.p + from, &head, sizeof head);
    return true;
}

bool audit_append(struct audit *a, json_t *record, struct err *e)
{
    if (!json_is_object(record))
        return fail(e, ERR_LIMIT, "memory is short");
    return append(a, AUDIT_ACT, record, e);
}

/* A segment that is full or old is ended, and the next begun. */
static bool rotate(struct audit *a, struct err *e)
{
    uint64_t now = audit_wall_ns(), began = a->scan.head.time;
    uint64_t most = a->settings.segment_seconds * 1000000000ull;
    if (a->scan.good.at < a->settings.segment_bytes && now >= began && now - began < most)
        return true;
    struct buf pending = a->pending;
    buf_init(&a->pending, AUDIT_PENDING);
    bool ok = audit_flush(a, AUDIT_SEGMENT_ENDS, e) && audit_new_segment(a, true, e);
    a->pending = pending;
    return ok;
}

bool audit_commit(struct audit *a, struct err *e)
{
    if (a->pending.n == 0)
        return true;
    if (a->dead)
        *e = a->why;
    bool ok = !a->dead && lock(a, e);
    if (ok) {
        ok = audit_catch_up(a, e) && rotate(a, e) && audit_flush(a, 0, e);
        unlock(a);
    }
    buf_reset(&a->pending);
    if (ok)
        audit_tell_witnesses(a);
    return ok;
}

bool audit_record(struct audit *a, json_t *record, struct err *e)
{
    bool ok = audit_append(a, record, e) && audit_commit(a, e);
    json_decref(record);
    return ok;
}

bool audit_beat(struct audit *a, struct err *e)
{
    json_t *j = json_pack("{ss}", "act", "beat");
    bool ok = j ? append(a, AUDIT_BEAT, j, e) : fail(e, ERR_LIMIT, "memory is short");
    json_decref(j);
    a->beating = true;
    ok = ok && audit_commit(a, e);
    a->beating = false;
    return ok;
}

/* --- room ----------------------------------------------------------------------------------------
 */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

bool audit_room(struct audit *a, bool *low, struct err *e)
{
    struct statvfs v;
    *low = false;
    if (statvfs(a->dir, &v) != 0)
        return fail(e, ERR_IO, "the audit log cannot be written: %s", strerror(errno));
    uint64_t free = (uint64_t)v.f_bavail * v.f_frsize, all = (uint64_t)v.f_blocks * v.f_frsize;
    *low = free < least(all / 5, 2048 * MIB);
    if (free < least(all / 20, 256 * MIB))
        return fail(e, ERR_IO,
                    "the disk of the audit log is full: %llu MiB are left; make room, new work "
                    "begins then",
                    (unsigned long long)(free / MIB));
    audit_make_reserve(a);
    return true;
}
