/* SPDX-License-Identifier: Apache-2.0 */
/* ops/host_file: see host_file.h. */
#include "ops/host_file.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"

/* ROOT/PATH; false: it is too long for any file. */
#define MAKE_PATH(path, root, fmt)                                                                 \
    va_list ap;                                                                                    \
    va_start(ap, fmt);                                                                             \
    int at = snprintf(path, sizeof path, "%s", root);                                              \
    if (at >= 0 && (size_t)at < sizeof path)                                                       \
        at += vsnprintf(path + at, sizeof path - (size_t)at, fmt, ap);                             \
    va_end(ap);                                                                                    \
    if (at < 0 || (size_t)at >= sizeof path)                                                       \
    path[0] = '\0'

const char *host_line(char *line, size_t cap, const char *root, const char *fmt, ...)
{
    char path[PATH_MAX];
    MAKE_PATH(path, root, fmt);
    os_first_line(path, line, cap);
    struct str s = str_trim(str_of(line));
    memmove(line, s.p, s.n);
    line[s.n] = '\0';
    return line;
}

void host_text(struct buf *text, const char *root, const char *fmt, ...)
{
    char path[PATH_MAX];
    struct err ignored;
    MAKE_PATH(path, root, fmt);
    buf_init(text, HOST_TEXT);
    if (path[0] && !buf_read_file(text, path, &ignored))
        buf_reset(text);
}

bool host_exists(const char *root, const char *fmt, ...)
{
    char path[PATH_MAX];
    MAKE_PATH(path, root, fmt);
    return path[0] && access(path, F_OK) == 0;
}

uint64_t host_number(const char *root, const char *fmt, ...)
{
    char path[PATH_MAX], line[64], *end;
    MAKE_PATH(path, root, fmt);
    struct str s = str_trim(str_of(os_first_line(path, line, sizeof line)));
    uint64_t v;
    if (str_starts(s, STR("0x"))) {
        v = strtoull(s.p, &end, 16);
        return end > s.p + 2 ? v : UINT64_MAX;
    }
    return str_to_u64(s, &v) ? v : UINT64_MAX;
}

struct str host_field(struct str text, const char *key)
{
    struct str line;
    size_t n = strlen(key);
    while (str_cut(&text, '\n', &line)) {
        struct str rest = str_trim(str_from(line, n));
        if (str_starts(line, str_of(key)) && str_starts(rest, STR(":")))
            return str_trim(str_from(rest, 1));
    }
    return STR("");
}

uint64_t host_field_kb(struct str text, const char *key)
{
    struct str rest = host_field(text, key), number;
    uint64_t kb;
    bool ok = str_cut(&rest, ' ', &number) && str_to_u64(number, &kb) && kb < UINT64_MAX / 1024;
    return ok ? kb * 1024 : 0;
}

void host_copy(char *out, size_t cap, struct str s)
{
    snprintf(out, cap, "%.*s", STR_ARG(s));
    str_make_printable(out);
}

bool host_has_word(struct str text, const char *word)
{
    struct str one;
    while (str_cut(&text, ' ', &one))
        if (str_is(one, word))
            return true;
    return false;
}

uint32_t host_words(struct str line, struct str *word, uint32_t max)
{
    uint32_t n = 0;
    size_t at = 0;
    while (n < max) {
        while (at < line.n && (line.p[at] == ' ' || line.p[at] == '\t'))
            at++;
        size_t from = at;
        while (at < line.n && line.p[at] != ' ' && line.p[at] != '\t')
            at++;
        if (at == from)
            break;
        word[n++] = str_sub(line, from, at - from);
    }
    return n;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

void host_names(struct host_names *names, const char *root, const char *dir)
{
    char path[PATH_MAX];
    names->n = 0;
    snprintf(path, sizeof path, "%s%s", root, dir);
    DIR *d = opendir(path);
    for (struct dirent *entry; d && names->n < HOST_NAMES && (entry = readdir(d));)
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < HOST_NAME)
            snprintf(names->name[names->n++], HOST_NAME, "%s", entry->d_name);
    if (d)
        closedir(d);
    qsort(names->name, names->n, HOST_NAME, by_name);
}
