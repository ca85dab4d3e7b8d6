/* SPDX-License-Identifier: Apache-2.0 */
/* serve/witness_book: see witness_book.h. */
#include "serve/witness_book.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/os.h"
#include "guard/audit.h"

#define FOLDER         "witness"
#define BOOK_MOST      (4u << 20) /* bytes of a file: then it is thinned */
#define CONFLICTS_MOST (64u << 10)

enum { BOOKS = 4096, PATH_BYTES = STORE_PATH };

struct book {
    char path[PATH_BYTES];
    const char *key;
    struct buf text;              /* of the file */
    struct audit_witnessed known; /* the newest; leaves 0: none */
};

/* --- reading -------------------------------------------------------------------------------------
 */

static struct str last_line(struct str text)
{
    struct str rest = str_trim(text);
    size_t at = rest.n;
    while (at > 0 && rest.p[at - 1] != '\n')
        at--;
    return str_from(rest, at);
}

static void path_of(const struct store *s, const struct hash *log, char path[PATH_BYTES])
{
    char hex[2 * HASH_BYTES + 1];
    hash_hex(log, hex);
    store_path(s, path, FOLDER "/%s", hex);
}

/* Is there room for one more log? */
static bool has_room(const struct store *s, struct err *e)
{
    char path[PATH_BYTES];
    unsigned n = 0;
    DIR *d = opendir(store_path(s, path, FOLDER));
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n < BOOKS || fail(e, ERR_LIMIT, "this witness keeps %d audit logs already", BOOKS);
}

/* "TIME KEY moat-audit-1 ..." */
static bool is_of(struct str line, const char *key)
{
    struct str when, who;
    return str_cut(&line, ' ', &when) && str_cut(&line, ' ', &who) && str_is(who, key);
}

static bool open_book(const struct store *s, const struct hash *log, struct book *b, struct err *e)
{
    path_of(s, log, b->path);
    b->known = (struct audit_witnessed){0};
    buf_init(&b->text, 2 * BOOK_MOST);
    if (access(b->path, F_OK) != 0)
        return has_room(s, e);
    if (!buf_read_file(&b->text, b->path, e))
        return false;
    struct str last = last_line(buf_view(&b->text));
    if (last.n && !audit_line_parse(last, &b->known))
        return fail(e, ERR_INTERNAL, "%s was changed: its last line is none of a witness", b->path);
    return last.n == 0 || is_of(last, b->key) ||
           fail(e, ERR_DENIED,
                "this audit log is witnessed here for another API key; the owner of this witness "
                "can move %s away",
                b->path);
}

/* A line that came before, also out of a file that has been thinned since: the newest counts. */
static bool is_known(const struct book *b, const struct audit_witnessed *w)
{
    struct str rest = buf_view(&b->text), line;
    struct audit_witnessed k;
    while (str_cut(&rest, '\n', &line))
        if (audit_line_parse(line, &k) && k.leaves == w->leaves)
            return hash_eq(&k.root, &w->root) && k.records == w->records;
    return false;
}

/* --- writing -------------------------------------------------------------------------------------
 */

static void put_line(struct buf *out, const char *key, const struct audit_witnessed *w)
{
    char log[2 * HASH_BYTES + 1], root[2 * HASH_BYTES + 1], when[32] = "";
    time_t now = time(NULL);
    struct tm t;
    hash_hex(&w->log, log);
    hash_hex(&w->root, root);
    if (gmtime_r(&now, &t))
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &t);
    buf_fmt(out, "%s %s moat-audit-1 %s %llu %llu %s %llu\n", when, key, log,
            (unsigned long long)w->leaves, (unsigned long long)w->records, root,
            (unsigned long long)w->time);
}

/* Evidence: it is the log of that machine that lies, or ours that is older than it. */
static void keep_conflict(const struct book *b, const struct audit_witnessed *w)
{
    char path[PATH_BYTES + 16];
    struct stat st;
    struct buf line;
    snprintf(path, sizeof path, "%s.conflict", b->path);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    buf_init(&line, 1024);
    put_line(&line, b->key, w);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size < (off_t)CONFLICTS_MOST)
        (void)!write(fd, line.p, line.n);
    if (fd >= 0)
        close(fd);
    buf_clear(&line);
}

static bool take_line(struct book *b, const struct audit_witnessed *w, struct buf *more,
                      struct err *e)
{
    if (w->leaves > b->known.leaves && w->records >= b->known.records) {
        put_line(more, b->key, w);
        b->known = *w;
        return buf_ok(more, "witness lines", e);
    }
    if (is_known(b, w) || (w->leaves == b->known.leaves && hash_eq(&w->root, &b->known.root)))
        return true;
    keep_conflict(b, w);
    return fail(e, ERR_CORRUPT,
                "this audit log was witnessed at %llu leaves with another history than it has now "
                "at %llu",
                (unsigned long long)b->known.leaves, (unsigned long long)w->leaves);
}

/* Every second of the lines, and the newest. */
static void thin(struct buf *text)
{
    struct buf kept;
    struct str rest = buf_view(text), line;
    buf_init(&kept, 2 * BOOK_MOST);
    for (size_t i = 0; str_cut(&rest, '\n', &line); i++)
        if (line.n && (i % 2 == 0 || rest.n == 0)) {
            buf_str(&kept, line);
            buf_byte(&kept, '\n');
        }
    buf_clear(text);
    *text = kept;
}

static bool write_book(struct book *b, const struct buf *more, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    buf_str(&b->text, buf_view(more));
    if (b->text.n > BOOK_MOST)
        thin(&b->text);
    bool ok = buf_ok(&b->text, "witness lines", e) && os_atomic_open(&f, b->path, e);
    f.mode = 0600;
    ok = ok && os_atomic_write(&f, b->text.p, b->text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    return ok;
}

/* --- the whole -----------------------------------------------------------------------------------
 */

static bool take_all(struct book *b, struct str lines, struct err *e)
{
    struct buf more;
    struct str line;
    struct audit_witnessed w;
    struct hash log = {0};
    bool ok = true, any = false;
    buf_init(&more, BOOK_MOST);
    while (ok && str_cut(&lines, '\n', &line)) {
        if (line.n == 0)
            continue;
        if (!audit_line_parse(line, &w))
            ok = fail(e, ERR_USAGE, "a line is none of a witness: moat-audit-1 LOG LEAVES ...");
        else if (any && !hash_eq(&log, &w.log))
            ok = fail(e, ERR_USAGE, "the lines are of several logs");
        log = w.log;
        any = true;
        ok = ok && take_line(b, &w, &more, e);
    }
    ok = (more.n == 0 || write_book(b, &more, ok ? e : &(struct err){0})) && ok;
    buf_clear(&more);
    return ok;
}

bool witness_book_take(const struct store *s, const char *key, struct str lines, struct err *e)
{
    struct audit_witnessed first;
    struct str rest = lines, line = {0};
    struct book b = {.key = key};
    struct os_lock lock;
    char path[PATH_BYTES];
    (void)str_cut(&rest, '\n', &line);
    if (!audit_line_parse(line, &first))
        return fail(e, ERR_USAGE, "a line is none of a witness: moat-audit-1 LOG LEAVES ...");
    if (!os_mkdirs(store_path(s, path, FOLDER), e) ||
        !os_lock_open(&lock, store_path(s, path, FOLDER "/lock"), e))
        return false;
    bool ok = open_book(s, &first.log, &b, e) && take_all(&b, lines, e);
    os_lock_close(&lock);
    buf_clear(&b.text);
    return ok;
}

int witness_book_open(const struct store *s, const char *log, struct err *e)
{
    char path[PATH_BYTES];
    store_path(s, path, FOLDER "/%s", log);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        fail(e, ERR_NOT_FOUND, "no audit log of this id is witnessed here");
    return fd;
}
