/* SPDX-License-Identifier: Apache-2.0 */
/* guard/audit_sent: see audit_sent.h. */
#include "guard/audit_sent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/os.h"

#define FILE_BYTES  (64u << 10)
#define SPOOL_BYTES (4u << 20)

static bool path_in(const char *dir, const char *name, char path[4096], struct err *e)
{
    return snprintf(path, 4096, "%s/%s", dir, name) < 4096 ||
           fail(e, ERR_USAGE, "path is too long: %s", dir);
}

/* --- how far they are ----------------------------------------------------------------------------
 */

static uint64_t number(const json_t *j, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(j, name));
    return n > 0 ? (uint64_t)n : 0;
}

static void read_one(struct audit_sent_to *t, const json_t *j)
{
    const char *why = json_string_value(json_object_get(j, "error"));
    *t = (struct audit_sent_to){.leaves = number(j, "leaves"),
                                .records = number(j, "records"),
                                .taken_s = number(j, "taken"),
                                .tried_s = number(j, "tried"),
                                .failures = (uint32_t)number(j, "failures")};
    snprintf(t->error, sizeof t->error, "%s", why ? why : "");
}

bool audit_sent_read(struct audit_sent *s, const char *dir, const struct audit_settings *settings,
                     struct err *e)
{
    char path[4096];
    *s = (struct audit_sent){0};
    if (!path_in(dir, AUDIT_SENT, path, e))
        return false;
    if (access(path, F_OK) != 0)
        return true;
    json_t *j = json_read_file(path, FILE_BYTES, e);
    for (uint32_t i = 0; j && i < settings->n_urls; i++)
        read_one(&s->to[i], json_object_get(json_object_get(j, "witnesses"), settings->url[i]));
    json_decref(j);
    return j != NULL;
}

bool audit_sent_write(const struct audit_sent *s, const char *dir,
                      const struct audit_settings *settings, struct err *e)
{
    char path[4096];
    struct os_atomic_file f = {.fd = -1};
    struct buf text;
    json_t *all = json_object();
    for (uint32_t i = 0; i < settings->n_urls; i++) {
        const struct audit_sent_to *t = &s->to[i];
        json_object_set_new(all, settings->url[i],
                            json_pack("{sI sI sI sI si ss}", "leaves", (json_int_t)t->leaves,
                                      "records", (json_int_t)t->records, "taken",
                                      (json_int_t)t->taken_s, "tried", (json_int_t)t->tried_s,
                                      "failures", (int)t->failures, "error", t->error));
    }
    json_t *j = json_pack("{si so}", "version", 1, "witnesses", all);
    buf_init(&text, FILE_BYTES);
    bool ok = j ? json_write(j, JSON_INDENT(1), &text, e) : fail(e, ERR_LIMIT, "memory is short");
    ok = ok && path_in(dir, AUDIT_SENT, path, e) && os_atomic_open(&f, path, e);
    f.mode = 0600;
    ok = ok && os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    buf_clear(&text);
    json_decref(j);
    return ok;
}

/* --- what waits ----------------------------------------------------------------------------------
 */

struct waiting {
    struct audit_witnessed what;
    struct str text;
};

static int by_leaves(const void *a, const void *b)
{
    const struct waiting *x = a, *y = b;
    return (x->what.leaves > y->what.leaves) - (x->what.leaves < y->what.leaves);
}

/* Several writers add to the spool, so it is not quite in order; each line once. */
static size_t sort_lines(struct waiting *v, size_t n)
{
    size_t kept = 0;
    if (n)
        qsort(v, n, sizeof *v, by_leaves);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || v[kept - 1].what.leaves != v[i].what.leaves)
            v[kept++] = v[i];
    return kept;
}

static bool gather(struct str text, uint64_t leaves, struct waiting **v, size_t *n, struct err *e)
{
    size_t cap = 0;
    struct str line;
    while (text.n && text.p[text.n - 1] != '\n') /* a line that is being written */
        text.n--;
    while (str_cut(&text, '\n', &line)) {
        struct waiting w = {.text = line};
        if (line.n >= AUDIT_LINE_BYTES || !audit_line_parse(line, &w.what) ||
            w.what.leaves <= leaves)
            continue;
        if (!mem_grow(v, *n, &cap, sizeof **v, e))
            return false;
        (*v)[(*n)++] = w;
    }
    *n = sort_lines(*v, *n);
    return true;
}

static void put_lines(const struct waiting *v, size_t n, struct buf *out)
{
    size_t from = n, bytes = 0;
    while (from > 0 && bytes + v[from - 1].text.n + 1 <= AUDIT_SENT_BYTES)
        bytes += v[--from].text.n + 1;
    for (; from < n; from++) {
        buf_str(out, v[from].text);
        buf_byte(out, '\n');
    }
}

bool audit_spool_read(const char *dir, uint64_t leaves, struct buf *out,
                      struct audit_witnessed *last, size_t *n, struct err *e)
{
    char path[4096];
    struct buf file;
    struct waiting *v = NULL;
    *n = 0;
    buf_init(out, 2 * AUDIT_SENT_BYTES);
    buf_init(&file, SPOOL_BYTES);
    if (!path_in(dir, AUDIT_SPOOL, path, e))
        return false;
    bool ok = access(path, F_OK) != 0 ||
              (buf_read_file(&file, path, e) && gather(buf_view(&file), leaves, &v, n, e));
    if (ok && *n) {
        *last = v[*n - 1].what;
        put_lines(v, *n, out);
    }
    mem_free(v);
    buf_clear(&file);
    return ok && buf_ok(out, "witness lines", e);
}
