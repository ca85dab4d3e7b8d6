/* SPDX-License-Identifier: Apache-2.0 */
/* The last layer is finished only for the rows whose logits are wanted: these have the bits they
 * have when all are, in every model of tests/data/arch and, where present, of the shared set; and
 * the keys and values left behind are the same. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/lab.h"
#include "test.h"

enum { N = 41, N_BATCH = 24, STRIDE = 7 };

struct opened {
    struct lab l;
    uint32_t n_vocab;
    float *all, *some; /* [N + 1][n_vocab] */
};

/* Tokens 0..N in batches, wanting those at first, first + stride and so on; then one is written. */
static void read_and_write(struct opened *o, float *out, uint32_t first, uint32_t stride)
{
    struct forward *f = o->l.f;
    struct err e = {0};
    (void)kv_truncate(f->kv, 0, 0);
    for (uint32_t at = 0; at <= N; at += f->batch.n) {
        uint32_t step = at == N ? 1 : N - at < N_BATCH ? N - at : N_BATCH;
        if (!kv_reserve(f->kv, 0, at, step, &e))
            fail_msg("%s", e.msg);
        batch_reset(&f->batch, at < N);
        for (uint32_t i = at; i < at + step; i++)
            batch_add(&f->batch, 0, i, i * 31 % o->n_vocab,
                      i == N || (i >= first && (i - first) % stride == 0));
        forward(f);
        for (uint32_t i = 0; i < f->batch.n_out; i++)
            memcpy(out + (size_t)(at + f->batch.out[i]) * o->n_vocab, forward_logits(f, i, 1),
                   o->n_vocab * sizeof *out);
    }
}

static void compare(struct opened *o, const char *path, uint32_t first, uint32_t stride)
{
    size_t row = o->n_vocab * sizeof *o->all;
    read_and_write(o, o->some, first, stride);
    for (uint32_t i = first; i <= N; i += i + stride > N && i < N ? N - i : stride)
        if (memcmp((char *)o->all + i * row, (char *)o->some + i * row, row) != 0)
            fail_msg("%s: position %u differs when only %u, %u.. are wanted", path, i, first,
                     first + stride);
}

static void check_model(const char *path, bool exact)
{
    struct opened o = {0};
    struct packed_params pack = {0};
    struct lab_params p = {.n_ctx = N + 1,
                           .n_seq = 1,
                           .n_batch = N_BATCH,
                           .n_logits = 1,
                           .threads = 2,
                           .precision = exact ? PRECISION_EXACT : PRECISION_NORMAL,
                           .pack = &pack};
    struct err e = {0};
    struct gguf *g = gguf_open(path, &e);
    if (!g || !lab_open(&o.l, g, &p, &e)) {
        if (e.code != ERR_UNSUPPORTED)
            fail_msg("%s: %s", path, e.msg);
        return;
    }
    o.n_vocab = o.l.m->h.n_vocab;
    o.all = calloc((size_t)(N + 1) * o.n_vocab, sizeof *o.all);
    o.some = calloc((size_t)(N + 1) * o.n_vocab, sizeof *o.some);
    assert_true(o.all && o.some);
    read_and_write(&o, o.all, 0, 1);
    compare(&o, path, N - 1, 1); /* the last: none of the first batch */
    compare(&o, path, N_BATCH - 1, 1);
    compare(&o, path, 2, STRIDE);
    free(o.all);
    free(o.some);
    lab_close(&o.l);
}

static void check_folder(const char *folder)
{
    DIR *d = opendir(folder);
    if (!d)
        skip();
    for (struct dirent *f; (f = readdir(d));) {
        char path[1024];
        size_t n = strlen(f->d_name);
        if (n < 6 || strcmp(f->d_name + n - 5, ".gguf") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, f->d_name);
        check_model(path, false);
        check_model(path, true);
    }
    closedir(d);
}

static void our_models(void **state)
{
    (void)state;
    check_folder("tests/data/arch");
}

static void shared_models(void **state)
{
    const char *shared = getenv("MOAT_SHARED");
    char folder[1024];
    (void)state;
    snprintf(folder, sizeof folder, "%s/conformance/arch", shared ? shared : "../shared");
    check_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_models),
        cmocka_unit_test(shared_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
