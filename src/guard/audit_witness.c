/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_witness: tells others how far the log is (docs/AUDIT-FORMAT.md, section 7): a second
 * file with each flush, syslog and the spool with each new epoch. A witness that cannot be told is
 * no reason to stop: the log itself is whole, and a verifier says how far it is witnessed. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "guard/audit_private.h"

#define SPOOL      "spool"
#define SPOOL_MOST (1 << 20)

void audit_line(const struct audit_checkpoint *p, const struct hash *log,
                char line[AUDIT_LINE_BYTES])
{
    char id[2 * HASH_BYTES + 1], root[2 * HASH_BYTES + 1];
    hash_hex(log, id);
    hash_hex(&p->root, root);
    snprintf(line, AUDIT_LINE_BYTES, "moat-audit-1 %s %llu %llu %s %llu", id,
             (unsigned long long)p->leaves, (unsigned long long)p->records, root,
             (unsigned long long)p->time);
}

static bool write_line(int fd, const char *line)
{
    char text[AUDIT_LINE_BYTES + 1];
    int n = snprintf(text, sizeof text, "%s\n", line);
    return write(fd, text, (size_t)n) == n;
}

static void tell_file(struct audit *a, const char *line)
{
    if (a->witness_fd < 0)
        a->witness_fd =
            open(a->settings.witness_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (a->witness_fd >= 0 && !write_line(a->witness_fd, line)) {
        close(a->witness_fd); /* it may have been on a disk that is back by the next time */
        a->witness_fd = -1;
    }
}

static void tell_spool(const struct audit *a, const char *line)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/" SPOOL, a->dir);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size > SPOOL_MOST) /* the newest line says what all did */
        (void)!ftruncate(fd, 0);
    (void)!write_line(fd, line);
    close(fd);
}

void audit_tell_witnesses(struct audit *a)
{
    const struct audit_settings *s = &a->settings;
    char line[AUDIT_LINE_BYTES];
    struct audit_checkpoint p;
    bool rarely = a->handed_over || !a->spooled;
    if (!s->witness_file[0] && !((s->syslog || s->spool) && rarely))
        return;
    if (!audit_get_checkpoint(
            (struct str){(const char *)a->scan.good.body, sizeof a->scan.good.body}, &p))
        return;
    audit_line(&p, &a->scan.good.chain.log, line);
    if (s->witness_file[0])
        tell_file(a, line);
    if (rarely && s->spool)
        tell_spool(a, line);
    if (rarely && s->syslog)
        syslog(LOG_AUTHPRIV | LOG_NOTICE, "%s", line);
    a->spooled = true;
}
