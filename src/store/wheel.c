/* SPDX-License-Identifier: Apache-2.0 */
/* store/wheel: see wheel.h. */
#include "store/wheel.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"

static bool broken(struct archive *a, const char *name, struct err *e)
{
    const char *why = a ? archive_error_string(a) : NULL;
    return fail(e, ERR_CORRUPT, "%s: the archive cannot be read: %s", name,
                why ? why : "not enough memory");
}

static struct archive *open_zip(int fd, const char *name, struct err *e)
{
    struct archive *a = archive_read_new();
    if (a && lseek(fd, 0, SEEK_SET) == 0 && archive_read_support_format_zip(a) == ARCHIVE_OK &&
        archive_read_open_fd(a, fd, 65536) == ARCHIVE_OK)
        return a;
    broken(a, name, e);
    archive_read_free(a);
    return NULL;
}

/* The next member: 1, 0 at the end, -1 on an error. */
static int next_member(struct archive *a, const char *name, struct archive_entry **entry,
                       struct err *e)
{
    int r = archive_read_next_header(a, entry);
    if (r == ARCHIVE_EOF)
        return 0;
    if (r == ARCHIVE_OK || r == ARCHIVE_WARN)
        return 1;
    broken(a, name, e);
    return -1;
}

static const char *name_of(struct archive_entry *entry)
{
    const char *utf8 = archive_entry_pathname_utf8(entry);
    return utf8 ? utf8 : archive_entry_pathname(entry);
}

static bool is_model(const char *path)
{
    return path && strlen(path) < WHEEL_NAME && str_ends(str_of(path), STR(".gguf"));
}

struct search {
    const char *wanted;
    struct wheel_member *found;
    uint32_t n_models;
    bool parts, sized;
    struct buf names; /* of the models, for the message */
};

static void look_at(struct search *s, struct archive_entry *entry)
{
    const char *path = name_of(entry);
    if (path && strstr(path, ".gguf.part"))
        s->parts = true;
    if (!is_model(path))
        return;
    buf_fmt(&s->names, "%s%s", s->n_models ? ", " : "", path);
    s->n_models++;
    if (s->wanted ? strcmp(path, s->wanted) != 0 : s->n_models > 1)
        return;
    snprintf(s->found->name, WHEEL_NAME, "%s", path);
    s->sized = archive_entry_size_is_set(entry) && archive_entry_size(entry) >= 0;
    s->found->size = s->sized ? (uint64_t)archive_entry_size(entry) : 0;
}

static bool conclude(struct search *s, const char *name, struct err *e)
{
    const char *names = buf_c(&s->names);
    if (s->n_models == 0 && s->parts)
        return fail(
            e, ERR_UNSUPPORTED,
            "%s holds a part of a GGUF file; join the parts of all wheels into one file and "
            "import that",
            name);
    if (s->n_models == 0)
        return fail(e, ERR_NOT_FOUND, "%s holds no .gguf file", name);
    if (s->wanted && !s->found->name[0])
        return fail(e, ERR_NOT_FOUND, "%s holds no %s; it holds %s", name, s->wanted, names);
    if (!s->wanted && s->n_models > 1)
        return fail(e, ERR_USAGE, "%s holds %u models; choose one with --member: %s", name,
                    s->n_models, names);
    if (!s->sized)
        return fail(e, ERR_CORRUPT, "%s does not say how large %s is", name, s->found->name);
    return true;
}

bool wheel_find(int fd, const char *name, const char *wanted, struct wheel_member *m, struct err *e)
{
    *m = (struct wheel_member){0};
    struct search s = {.wanted = wanted, .found = m};
    struct archive *a = open_zip(fd, name, e);
    struct archive_entry *entry;
    if (!a)
        return false;
    buf_init(&s.names, 800); /* a message is cut there anyway */
    int r = 0;
    for (uint32_t n = 0; (r = next_member(a, name, &entry, e)) > 0; n++) {
        if (n == LIMIT_ARCHIVE_MEMBERS) {
            fail(e, ERR_LIMIT, "%s has more than %u members", name, LIMIT_ARCHIVE_MEMBERS);
            r = -1;
            break;
        }
        look_at(&s, entry);
    }
    bool ok = r == 0 && conclude(&s, name, e);
    buf_clear(&s.names);
    archive_read_free(a);
    return ok;
}

static bool copy_data(struct archive *a, const char *name, const struct wheel_member *m,
                      wheel_sink *sink, void *arg, struct err *e)
{
    char chunk[65536];
    for (uint64_t done = 0;;) {
        ssize_t n = archive_read_data(a, chunk, sizeof chunk);
        if (n == ARCHIVE_RETRY)
            continue;
        if (n < 0)
            return broken(a, name, e);
        if ((uint64_t)n > m->size - done || (n == 0 && done != m->size))
            return fail(e, ERR_CORRUPT, "%s: %s is not as long as the archive says", name, m->name);
        if (n == 0)
            return true;
        done += (uint64_t)n;
        if (!sink(arg, chunk, (size_t)n, e))
            return false;
    }
}

bool wheel_stream(int fd, const char *name, const struct wheel_member *m, wheel_sink *sink,
                  void *arg, struct err *e)
{
    struct archive *a = open_zip(fd, name, e);
    struct archive_entry *entry;
    if (!a)
        return false;
    int r;
    while ((r = next_member(a, name, &entry, e)) > 0)
        if (name_of(entry) && strcmp(name_of(entry), m->name) == 0)
            break;
    bool ok = r > 0 && copy_data(a, name, m, sink, arg, e);
    if (r == 0)
        fail(e, ERR_CORRUPT, "%s changed while it was read", name);
    archive_read_free(a);
    return ok;
}
