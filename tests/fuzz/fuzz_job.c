/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the line between front and engine: the first byte says which end reads and how long the
 * pieces are. Messages come out the same however the bytes are cut. */
#include "run/job.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

/* Every payload as everything it could be. */
static void use(const struct job_message *m)
{
    struct job_text t;
    struct job_done d;
    struct job_error p;
    struct err e;
    uint32_t a, b;
    must(m->payload.n <= JOB_MOST);
    if (job_text(m, &t, &e)) {
        must(str_utf8_valid(t.text));
        for (uint32_t i = 0; i < t.n_ids; i++)
            (void)job_text_id(&t, i);
    } else {
        must(e.msg[0]);
    }
    must(job_started(m, &a, &b, &e) || e.msg[0]);
    must(job_done(m, &d, &e) || e.msg[0]);
    must(job_error(m, &p, &e) || e.msg[0]);
    json_decref(job_json(m, &e));
}

static uint64_t read_line(const unsigned char *p, size_t n, bool to_engine, size_t piece)
{
    struct job_reader r;
    struct job_message m;
    struct err e;
    uint64_t sum = 0;
    bool got = true, ok = true;
    job_reader_init(&r, to_engine);
    for (size_t at = 0; ok && at < n; at += piece) {
        must(job_feed(&r, p + at, n - at < piece ? n - at : piece, &e));
        while ((ok = job_next(&r, &m, &got, &e)) && got) {
            sum = sum * 31 + m.kind + m.id + m.payload.n;
            use(&m);
        }
    }
    job_reader_clear(&r);
    return sum;
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
    if (n == 0)
        return 0;
    bool to_engine = p[0] & 1;
    uint64_t whole = read_line(p + 1, n - 1, to_engine, n);
    must(read_line(p + 1, n - 1, to_engine, 1 + p[0] / 2) == whole);
    return 0;
}
