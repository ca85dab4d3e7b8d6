/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_segment: the segments of a log, for its writer; see audit.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "guard/audit_private.h"

#define RESERVE "reserve"

void audit_segment_path(char out[4096], const char *dir, uint32_t number, const char *suffix)
{
    snprintf(out, 4096, "%s/%08u.%s", dir, number, suffix);
}

static bool segment_exists(const struct audit *a, uint32_t number)
{
    char path[4096];
    audit_segment_path(path, a->dir, number, "log");
    return access(path, F_OK) == 0;
}

/* --- the reserve ---------------------------------------------------------------------------------
 */

static const char *reserve_path(const struct audit *a, char path[4096])
{
    snprintf(path, 4096, "%s/" RESERVE, a->dir);
    return path;
}

bool audit_use_reserve(struct audit *a)
{
    char path[4096];
    return unlink(reserve_path(a, path)) == 0;
}

void audit_make_reserve(const struct audit *a)
{
    char path[4096];
    if (a->settings.reserve == 0 || access(reserve_path(a, path), F_OK) == 0)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 && posix_fallocate(fd, 0, (off_t)a->settings.reserve) != 0)
        unlink(path);
    if (fd >= 0)
        close(fd);
}

/* --- the signer ----------------------------------------------------------------------------------
 */

static const char *signer_path(const struct audit *a, char path[4096])
{
    snprintf(path, 4096, "%s/" AUDIT_SIGNER, a->dir);
    return path;
}

bool audit_save_signer(struct audit *a, struct err *e)
{
    char path[4096];
    return audit_signer_write(&a->signer, signer_path(a, path), e);
}

static bool signs_for(const struct audit_signer *s, const struct audit_chain *c)
{
    return s->epoch == c->epoch && memcmp(s->key, c->key, AUDIT_KEY) == 0;
}

bool audit_sync_signer(struct audit *a, struct err *e)
{
    char path[4096];
    const struct audit_chain *c = &a->scan.good.chain;
    if (signs_for(&a->signer, c))
        return true;
    audit_signer_clear(&a->signer);
    if (!audit_signer_read(&a->signer, signer_path(a, path), e))
        return false;
    struct audit_signer *s = &a->signer;
    if (s->has_next && s->epoch + 1 == c->epoch && memcmp(s->next_key, c->key, AUDIT_KEY) == 0)
        audit_signer_advance(s, audit_wall_ns() / 1000000000u);
    s->has_next = false;
    return (hash_eq(&s->log, &c->log) && signs_for(s, c)) ||
           fail(e, ERR_CORRUPT,
                "%s does not sign this audit log: one of them is an older copy; put the right one "
                "back, or keep the folder as evidence and begin another log (moat audit init)",
                path);
}

/* A writer that was killed while it replaced the file may have left a key behind. */
void audit_sweep_signer(const struct audit *a)
{
    char path[4096];
    DIR *d = opendir(a->dir);
    for (struct dirent *entry; d && (entry = readdir(d));)
        if (str_starts(str_of(entry->d_name), STR(AUDIT_SIGNER ".tmp-"))) {
            snprintf(path, sizeof path, "%s/%s", a->dir, entry->d_name);
            unlink(path);
        }
    if (d)
        closedir(d);
}

/* --- reading -------------------------------------------------------------------------------------
 */

static bool read_fd(int fd, size_t size, struct buf *out, struct err *e)
{
    buf_init(out, AUDIT_SEGMENT_MOST);
    char *piece = mem_new(1u << 20, 1, e);
    bool ok = piece != NULL;
    while (ok && out->n < size) {
        ssize_t n = pread(fd, piece, 1u << 20, (off_t)out->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            ok = fail(e, ERR_IO, "cannot read the audit log: %s", strerror(errno));
        if (n <= 0)
            break;
        buf_add(out, piece, (size_t)n);
        ok = buf_ok(out, "audit log", e);
    }
    mem_free(piece);
    return ok;
}

static bool size_of(const struct audit *a, size_t *size, struct err *e)
{
    struct stat st;
    if (fstat(a->fd, &st) != 0)
        return fail(e, ERR_IO, "cannot read the audit log: %s", strerror(errno));
    *size = (size_t)st.st_size;
    return true;
}

/* What is behind the last good checkpoint; it is made durable first, for what others wrote and did
 * not live to see on the disk may be here only in memory. */
static bool read_on(struct audit *a, size_t size, struct err *e)
{
    struct buf file;
    if (size < a->scan.good.at)
        return fail(e, ERR_CORRUPT,
                    "segment %u of the audit log has become shorter; keep the folder as evidence",
                    a->scan.head.number);
    if (fdatasync(a->fd) != 0)
        return fail(e, ERR_IO, "cannot write the audit log: %s", strerror(errno));
    bool ok =
        read_fd(a->fd, size, &file, e) && audit_scan_feed(&a->scan, buf_view(&file), false, e);
    a->scan.head.settings = (struct str){0};
    buf_clear(&file);
    return ok;
}

/* Its name may be known here and not on the disk, if who began it did not live to see that. */
static bool sync_folder(const struct audit *a, struct err *e)
{
    int fd = open(a->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok)
        fail(e, ERR_IO, "the audit log cannot be written: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool open_segment(struct audit *a, uint32_t number, struct err *e)
{
    char path[4096];
    size_t size;
    audit_segment_path(path, a->dir, number, "log");
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return os_fail_open(path, e);
    if (a->fd >= 0)
        close(a->fd);
    a->fd = fd;
    a->in_session = false;
    audit_scan_begin(&a->scan, NULL);
    if (!sync_folder(a, e) || !size_of(a, &size, e) || !read_on(a, size, e))
        return false;
    return a->scan.head.number == number ||
           fail(e, ERR_CORRUPT, "segment %u of the audit log says that it is another", number);
}

/* --- a new one -----------------------------------------------------------------------------------
 */

static bool hash_tail(struct audit *a, struct hash *out, struct err *e)
{
    struct buf file;
    size_t size = 0;
    bool ok = size_of(a, &size, e) && read_fd(a->fd, size, &file, e);
    if (ok) {
        struct str tail = str_from(buf_view(&file), a->scan.good.at);
        ok = hash_of(&tail, 1, out, e);
        buf_clear(&file);
    }
    return ok;
}

/* The first frame and a checkpoint. */
static bool make_segment(struct audit *a, const struct audit_segment *s, struct buf *out,
                         struct err *e)
{
    struct audit_chain c = a->scan.good.chain;
    struct audit_checkpoint p = {.epoch = c.epoch,
                                 .records = c.records,
                                 .time = s->time,
                                 .mono = os_now_ns(),
                                 .segment = s->number};
    buf_init(out, AUDIT_FRAME_MOST);
    audit_put_segment(out, &c, s);
    memcpy(p.boot, a->boot, AUDIT_BOOT);
    if (!buf_ok(out, "audit log", e) || !audit_chain_add(&c, buf_view(out), e) ||
        !audit_chain_root(&c, &p.root, e))
        return false;
    p.leaves = c.leaves;
    audit_put_checkpoint(out, &p, &c.log, a->signer.secret);
    return buf_ok(out, "audit log", e);
}

static bool write_segment(const struct audit *a, uint32_t number, struct str bytes, struct err *e)
{
    char path[4096];
    struct os_atomic_file f = {.fd = -1};
    audit_segment_path(path, a->dir, number, "log");
    bool ok = os_atomic_open(&f, path, e);
    f.mode = 0600;
    ok = ok && os_atomic_write(&f, bytes.p, bytes.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    return ok;
}

bool audit_new_segment(struct audit *a, bool known, struct err *e)
{
    struct buf settings, out;
    struct audit_segment s = {.number = a->scan.good.chain.segment + 1,
                              .previous_end = a->scan.good.at,
                              .time = audit_wall_ns()};
    if (a->fd < 0 ? !hash_of(NULL, 0, &s.previous_tail, e)
                  : known && !hash_tail(a, &s.previous_tail, e))
        return false;
    buf_init(&out, 0);
    bool ok = audit_settings_public(&a->settings, &settings, e) && audit_sync_signer(a, e);
    s.settings = buf_view(&settings);
    ok = ok && make_segment(a, &s, &out, e) &&
         (write_segment(a, s.number, buf_view(&out), e) ||
          (audit_use_reserve(a) && write_segment(a, s.number, buf_view(&out), e))) &&
         open_segment(a, s.number, e);
    buf_clear(&out);
    buf_clear(&settings);
    return ok;
}

/* --- the last ------------------------------------------------------------------------------------
 */

bool audit_segment_range(const char *dir, uint32_t *first, uint32_t *last, struct err *e)
{
    DIR *d = opendir(dir);
    *first = *last = 0;
    if (!d)
        return os_fail_open(dir, e);
    for (struct dirent *entry; (entry = readdir(d));) {
        struct str name = str_of(entry->d_name);
        uint64_t number;
        if (name.n != 12 || !str_ends(name, STR(".log")) ||
            !str_to_u64(str_sub(name, 0, 8), &number) || number == 0)
            continue;
        *first = *first == 0 || number < *first ? (uint32_t)number : *first;
        *last = number > *last ? (uint32_t)number : *last;
    }
    closedir(d);
    return *last || fail(e, ERR_NOT_FOUND, "there is no audit log in %s", dir);
}

static bool go_to_last(struct audit *a, struct err *e)
{
    uint32_t at = a->fd >= 0 ? a->scan.head.number : 0, first, last;
    if (at && !segment_exists(a, at + 1))
        return true;
    return audit_segment_range(a->dir, &first, &last, e) && open_segment(a, last, e);
}

bool audit_catch_up(struct audit *a, struct err *e)
{
    size_t size;
    if (!go_to_last(a, e) || !size_of(a, &size, e) ||
        (size != a->scan.good.at && !read_on(a, size, e)) || !audit_sync_signer(a, e))
        return false;
    bool over = a->scan.good.flags & AUDIT_SEGMENT_ENDS;
    return (size == a->scan.good.at && !over) || audit_new_segment(a, true, e);
}
