/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes work/logs_*: any bytes as a log, as lines, as CSV rows, or as two logs to find in. Every
 * line gets an event, whose lines add up, and a shape keeps to its bounds. The first byte chooses.
 */
#include <string.h>

#include "base/limits.h"
#include "work/logs_csv.h"
#include "work/logs_find.h"
#include "work/logs_mask.h"
#include "work/logs_unpack.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static bool count(void *ctx, const void *p, size_t n, struct err *e)
{
    (void)p;
    (void)e;
    *(size_t *)ctx += n;
    return true;
}

/* The text as two logs: suspects lie within them, sessions too. */
static void find(struct workers *w, struct str text, struct err *e)
{
    struct logs_source source[2] = {0};
    struct logs_sessions sessions[2] = {0};
    struct logs_normal normal = {0};
    struct logs_find f = {.source = source, .n_source = 2};
    bool ok = true;
    for (size_t i = 0; i < 2 && ok; i++) {
        source[i].mine.workers = w;
        source[i].mine.lines.rest = i ? str_from(text, text.n / 2) : str_sub(text, 0, text.n / 2);
        ok = logs_source_open(&source[i], NULL, e) &&
             logs_sessions_find(&source[i], &normal, &sessions[i], e);
    }
    must(!ok || logs_find_run(&f, e));
    for (size_t i = 0; i < f.n_suspect; i++) {
        must(f.suspect[i].line < source[f.suspect[i].source].mine.n_line);
        must(logs_source_line(&source[f.suspect[i].source], f.suspect[i].line).n <= text.n);
    }
    logs_find_clear(&f);
    logs_normal_clear(&normal);
    for (size_t i = 0; i < 2; i++) {
        logs_sessions_clear(&sessions[i]);
        logs_source_clear(&source[i]);
    }
}

/* Unpacked and masked: within bounds, and what was masked can be masked again. */
static void unpack(struct str text, struct err *e)
{
    struct buf out, once, twice;
    buf_init(&out, 1u << 20);
    buf_init(&once, 4u << 20);
    buf_init(&twice, 16u << 20);
    if (logs_unpack(text, "log", &out, e)) {
        logs_mask(buf_view(&out), &once);
        logs_mask(buf_view(&once), &twice);
        must(once.n <= 3 * out.n && !once.bad);
    }
    buf_clear(&out);
    buf_clear(&once);
    buf_clear(&twice);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    static struct workers *w;
    struct err e = {0};
    struct buf field;
    if (!w)
        w = workers_new(1, &e);
    if (!n || !w)
        return 0;
    if (p[0] & 2) {
        find(w, (struct str){(const char *)p + 1, n - 1}, &e);
        unpack((struct str){(const char *)p + 1, n - 1}, &e);
        return 0;
    }
    buf_init(&field, LIMIT_LOGS_FIELD);
    struct logs_mine m = {.workers = w, .keep_lines = true};
    m.lines = (struct logs_lines){
        {(const char *)p + 1, n - 1}, p[0] & 1 ? 0 : LOGS_NO_COLUMN, &field, .format = NULL};
    if (logs_mine_run(&m, &e)) {
        uint64_t lines = 0;
        size_t bytes = 0;
        for (size_t i = 0; i < m.events.n; i++)
            lines += m.events.v[i].count;
        must(lines == m.n_line);
        must(logs_csv_lines(&m, (struct logs_sink){count, &bytes}, &e));
        must(logs_csv_events(&m, (struct logs_sink){count, &bytes}, &e) && bytes > m.n_line);
    }
    logs_mine_clear(&m);
    buf_clear(&field);
    return 0;
}
