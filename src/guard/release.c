/* SPDX-License-Identifier: Apache-2.0 */
/* guard/release: see release.h. */
#include "guard/release.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"

enum { HEX = 2 * HASH_BYTES, CHUNK = 1 << 16, PATH_BYTES = 4096 };

/* --- the list --------------------------------------------------------------------------------- */

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hash(struct hash *h, struct str hex)
{
    for (size_t i = 0; i < HASH_BYTES; i++) {
        int high = nibble(hex.p[2 * i]), low = nibble(hex.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        h->b[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Of a file beside the list. */
static bool is_name(struct str s)
{
    if (s.n == 0 || s.n >= RELEASE_NAME || s.p[0] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f || s.p[i] == '/' ||
            s.p[i] == '\\')
            return false;
    return true;
}

static bool has(const struct release *r, struct str name)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (str_is(name, r->v[i].name))
            return true;
    return false;
}

static bool parse_line(struct release *r, struct str line)
{
    if (r->n == RELEASE_FILES || line.n <= HEX + 2 || line.p[HEX] != ' ' || line.p[HEX + 1] != ' ')
        return false;
    struct str name = str_from(line, HEX + 2);
    if (!is_name(name) || has(r, name) || !parse_hash(&r->v[r->n].sha256, line))
        return false;
    snprintf(r->v[r->n++].name, RELEASE_NAME, "%.*s", (int)name.n, name.p);
    return true;
}

bool release_parse(struct release *r, struct str text, const char *where, struct err *e)
{
    struct str rest = text, line;
    r->n = 0;
    for (size_t number = 1; rest.n && str_cut(&rest, '\n', &line); number++)
        if (!parse_line(r, line))
            return fail(e, ERR_CORRUPT,
                        "%s: line %zu is no \"SHA-256  NAME\" of a file that lies beside it", where,
                        number);
    return r->n > 0 || fail(e, ERR_CORRUPT, "%s names no file", where);
}

/* --- its files -------------------------------------------------------------------------------- */

static bool hash_file(int fd, const char *path, struct hash *h, struct err *e)
{
    struct hash_stream s;
    char chunk[CHUNK];
    ssize_t n = 0;
    bool ok = hash_begin(&s, e);
    while (ok && (n = read(fd, chunk, sizeof chunk)) != 0)
        if (n > 0)
            ok = hash_add(&s, chunk, (size_t)n, e);
        else if (errno != EINTR)
            ok = fail(e, ERR_IO, "cannot read %s: %s", path, strerror(errno));
    return hash_end(&s, ok ? h : NULL, ok ? e : NULL) && ok;
}

static bool check_file(const char *list, const char *name, const struct hash *wanted, struct err *e)
{
    char path[PATH_BYTES];
    struct hash found;
    const char *slash = strrchr(list, '/');
    int folder = slash ? (int)(slash + 1 - list) : 0;
    if (snprintf(path, sizeof path, "%.*s%s", folder, list, name) >= (int)sizeof path)
        return fail(e, ERR_USAGE, "path is too long: %s", list);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return os_fail_open(path, e);
    bool ok = hash_file(fd, path, &found, e);
    close(fd);
    return ok && (hash_eq(&found, wanted) ||
                  fail(e, ERR_CORRUPT,
                       "%s is not the file of the release that %s names; fetch it "
                       "again",
                       path, list));
}

static bool check_files(const char *path, const struct release *r, struct err *e)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (!check_file(path, r->v[i].name, &r->v[i].sha256, e))
            return false;
    return true;
}

bool release_check(const char *path, const struct sign_trust *trust, struct release *r,
                   struct err *e)
{
    struct buf text;
    bool ok = sign_open(path, SIGN_RELEASE, RELEASE_BYTES, trust, &text, e) &&
              release_parse(r, buf_view(&text), path, e) && check_files(path, r, e);
    buf_clear(&text);
    return ok;
}

bool release_sign(const char *path, const struct sign_secret *k, struct err *e)
{
    struct release *r = mem_new(1, sizeof *r, e);
    struct buf text;
    buf_init(&text, RELEASE_BYTES);
    bool ok = r && buf_read_file(&text, path, e) && release_parse(r, buf_view(&text), path, e) &&
              check_files(path, r, e) && sign_file(path, SIGN_RELEASE, RELEASE_BYTES, k, e);
    buf_clear(&text);
    mem_free(r);
    return ok;
}
