/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_witness: tells others how far the log is (docs/AUDIT-FORMAT.md, section 7): a second
 * file with each flush, syslog and the spool with each new epoch and when a writer ends. A witness
 * that cannot be told is no reason to stop: the log itself is whole, and a verifier says how far it
 * is witnessed.
 *
 * syslog(3) connects, and connects anew where the logger was started anew, which no role of a
 * server may: so its datagrams go out here, each with the address, over a socket that was opened
 * before. What the logger does not take is told with the next flush. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "guard/audit_private.h"
#include "guard/audit_sent.h"

#define SPOOL_MOST (1 << 20)

static int syslog_fd = -1; /* of this process */

/* --- the line ------------------------------------------------------------------------------------
 */

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

static bool hex32(struct str s, struct hash *h)
{
    size_t n = 0;
    return s.n == 2 * HASH_BYTES &&
           sodium_hex2bin(h->b, HASH_BYTES, s.p, s.n, NULL, &n, NULL) == 0 && n == HASH_BYTES;
}

bool audit_line_parse(struct str text, struct audit_witnessed *l)
{
    struct str word[5];
    size_t at = str_find(text, STR("moat-audit-1 "));
    if (at == SIZE_MAX)
        return false;
    text = str_trim(str_from(text, at + sizeof "moat-audit-1"));
    for (int i = 0; i < 5; i++)
        if (!str_cut(&text, ' ', &word[i]))
            return false;
    return hex32(word[0], &l->log) && str_to_u64(word[1], &l->leaves) &&
           str_to_u64(word[2], &l->records) && hex32(word[3], &l->root) &&
           str_to_u64(word[4], &l->time);
}

static bool write_line(int fd, const char *line)
{
    char text[AUDIT_LINE_BYTES + 1];
    int n = snprintf(text, sizeof text, "%s\n", line);
    return write(fd, text, (size_t)n) == n;
}

/* --- syslog --------------------------------------------------------------------------------------
 */

void audit_syslog_open(void)
{
    if (syslog_fd < 0)
        syslog_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void audit_syslog_close(void)
{
    if (syslog_fd >= 0)
        close(syslog_fd);
    syslog_fd = -1;
}

/* As RFC 3164 has it, and every logger of a Unix system reads it. */
static bool tell_syslog(const char *socket, const char *line)
{
    char text[AUDIT_LINE_BYTES + 96], when[32];
    const time_t now = time(NULL);
    struct tm t = {0};
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (snprintf(to.sun_path, sizeof to.sun_path, "%s", socket) >= (int)sizeof to.sun_path ||
        !localtime_r(&now, &t) || !strftime(when, sizeof when, "%b %e %H:%M:%S", &t))
        return false;
    int n = snprintf(text, sizeof text, "<%d>%s moat[%d]: %s", LOG_AUTHPRIV | LOG_NOTICE, when,
                     (int)getpid(), line);
    struct iovec v = {text, (size_t)n};
    struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &v, .msg_iovlen = 1};
    return sendmsg(syslog_fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == n;
}

/* --- files ---------------------------------------------------------------------------------------
 */

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
    snprintf(path, sizeof path, "%s/" AUDIT_SPOOL, a->dir);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size > SPOOL_MOST) /* the newest line says what all did */
        (void)!ftruncate(fd, 0);
    (void)!write_line(fd, line);
    close(fd);
}

/* --- all of them ---------------------------------------------------------------------------------
 */

void audit_tell_witnesses(struct audit *a)
{
    const struct audit_settings *s = &a->settings;
    char line[AUDIT_LINE_BYTES];
    struct audit_checkpoint p;
    bool now = a->handed_over || a->closing;
    bool spools = (s->spool || s->n_urls) && (now || !a->spooled);
    bool logs = s->syslog && syslog_fd >= 0 && (now || !a->logged);
    if (!s->witness_file[0] && !spools && !logs)
        return;
    if (!audit_get_checkpoint(
            (struct str){(const char *)a->scan.good.body, sizeof a->scan.good.body}, &p))
        return;
    audit_line(&p, &a->scan.good.chain.log, line);
    if (s->witness_file[0])
        tell_file(a, line);
    if (spools)
        tell_spool(a, line);
    if (logs)
        a->logged = tell_syslog(s->syslog_socket, line);
    a->spooled = true;
}
