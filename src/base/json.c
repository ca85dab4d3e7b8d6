/* SPDX-License-Identifier: Apache-2.0 */
/* base/json: see json.h. */
#include "base/json.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"

static void *allocate(size_t n)
{
    void *p = malloc(n);
    if (!p)
        mem_note_short();
    return p;
}

/* Before any thread is there, and any value. */
__attribute__((constructor)) static void take_allocations(void)
{
    json_set_alloc_funcs(allocate, free);
}

void json_start_over(void)
{
    (void)mem_was_short();
}

typedef json_t *parse_fn(struct str text, const char *where, struct err *e);

static json_t *read_file(const char *path, size_t max, parse_fn *parse, struct err *e)
{
    struct buf text;
    buf_init(&text, max);
    json_t *j = buf_read_file(&text, path, e) ? parse(buf_view(&text), path, e) : NULL;
    buf_clear(&text);
    return j;
}

json_t *json_read_file(const char *path, size_t max, struct err *e)
{
    return read_file(path, max, json_parse, e);
}

json_t *json_read_file_reals(const char *path, size_t max, struct err *e)
{
    return read_file(path, max, json_parse_reals, e);
}

static int add_to_buf(const char *p, size_t n, void *buf)
{
    buf_add(buf, p, n);
    return 0;
}

/* Whether what was made is whole, for once. */
static bool is_whole(struct err *e)
{
    return !mem_was_short() || fail(e, ERR_LIMIT, "not enough memory for a JSON document");
}

bool json_write(const json_t *j, size_t flags, struct buf *out, struct err *e)
{
    if (!is_whole(e))
        return false;
    bool ok = json_dump_callback(j, add_to_buf, out, flags | JSON_ENCODE_ANY) == 0;
    if (!is_whole(e))
        return false;
    if (!ok)
        return fail(e, ERR_INTERNAL, "cannot write JSON");
    return buf_ok(out, "JSON", e);
}

bool json_write_file(const json_t *j, const char *path, size_t max, unsigned mode, struct err *e)
{
    struct os_atomic_file f = {.fd = -1};
    struct buf text;
    buf_init(&text, max);
    bool ok = j ? json_write(j, JSON_INDENT(1), &text, e) : fail(e, ERR_LIMIT, "not enough memory");
    buf_byte(&text, '\n');
    ok = ok && buf_ok(&text, path, e) && os_atomic_open(&f, path, e);
    f.mode = mode;
    ok = ok && os_atomic_write(&f, text.p, text.n, e) && os_atomic_commit(&f, e);
    os_atomic_close(&f);
    buf_clear(&text);
    return ok;
}

bool json_print(const json_t *j, FILE *to, struct err *e)
{
    if (!is_whole(e))
        return false;
    bool ok = json_dumpf(j, to, JSON_COMPACT) == 0 && putc('\n', to) != EOF;
    return is_whole(e) && (ok || fail(e, ERR_IO, "cannot write the result"));
}
