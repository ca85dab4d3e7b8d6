/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes work/logs_*: any bytes as a log, as lines or as CSV rows. Every line gets an event, whose
 * lines add up, and a shape keeps to its bounds. The first byte chooses. */
#include <string.h>

#include "base/limits.h"
#include "work/logs_csv.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

static bool count(void *ctx, const void *p, size_t n, struct err *e)
{
    (void)p;
    (void)e;
    *(size_t *)ctx += n;
    return true;
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
    buf_init(&field, LIMIT_LOGS_FIELD);
    struct logs_mine m = {.workers = w, .keep_lines = true};
    m.lines =
        (struct logs_lines){{(const char *)p + 1, n - 1}, p[0] & 1 ? 0 : LOGS_NO_COLUMN, &field};
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
