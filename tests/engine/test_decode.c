/* SPDX-License-Identifier: Apache-2.0 */
/* A sequence written token by token gives the logits of the same sequence read as one prompt,
 * though decoding has kernels of its own: every model of random weights of tests/data/arch, and of
 * $MOAT_SHARED/conformance/arch where there is one. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/timeline.h"
#include "lab/lab.h"
#include "test.h"

enum { MOST_TOKENS = 64 };

static const float bar_default = 5e-3f, bar_exact = 1e-3f;

struct run {
    float *got;
    uint32_t n_vocab;
};

static uint32_t read_tokens(const char *path, uint32_t *token)
{
    uint32_t n = 0;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (n < MOST_TOKENS && fscanf(f, "%u", &token[n]) == 1)
        n++;
    fclose(f);
    return n;
}

static bool keep_row(void *arg, uint32_t i, const float *logits, struct err *e)
{
    const struct run *r = arg;
    (void)e;
    memcpy(r->got + (size_t)i * r->n_vocab, logits, r->n_vocab * sizeof *logits);
    return true;
}

/* The largest difference between writing and reading. */
static float compare(struct lab *l, const uint32_t *token, uint32_t n)
{
    uint32_t n_vocab = l->m->h.n_vocab;
    struct run r = {.got = calloc((size_t)n * n_vocab, sizeof(float)), .n_vocab = n_vocab};
    struct timeline t;
    struct err e = {0};
    float worst = 0;
    assert_non_null(r.got);
    if (!lab_run(l, token, n, 0, keep_row, &r, &e) || !timeline_new(&t, l->f, 0, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(kv_truncate(l->f->kv, 0, 0), 0);
    for (uint32_t i = 0; i < n; i++) {
        if (!timeline_push(&t, token[i], &e))
            fail_msg("%s", e.msg);
        for (uint32_t v = 0; v < n_vocab; v++) {
            float d = fabsf(t.logits[v] - r.got[(size_t)i * n_vocab + v]);
            worst = d > worst || isnan(d) ? d : worst;
        }
    }
    timeline_free(&t);
    free(r.got);
    return worst;
}

static void check_model(const char *base, bool exact)
{
    char path[1024];
    uint32_t token[MOST_TOKENS];
    struct packed_params pack = {0};
    struct lab_params p = {.n_seq = 1,
                           .n_logits = 16,
                           .threads = 2,
                           .precision = exact ? PRECISION_EXACT : PRECISION_NORMAL,
                           .pack = &pack};
    struct lab l;
    struct err e = {0};
    snprintf(path, sizeof path, "%s.tokens", base);
    uint32_t n = read_tokens(path, token);
    snprintf(path, sizeof path, "%s.gguf", base);
    struct gguf *g = gguf_open(path, &e);
    if (!g || !lab_open(&l, g, &p, &e)) {
        fail_msg("%s: %s", path, e.msg);
        return;
    }
    float worst = compare(&l, token, n), bar = exact ? bar_exact : bar_default;
    lab_close(&l);
    if (!(worst <= bar))
        fail_msg("%s%s: %g", path, exact ? " --exact" : "", (double)worst);
}

/* Quantised weights are read with other roundings than written: exact alone compares there. */
static void check_folder(const char *folder, bool quantised)
{
    DIR *d = opendir(folder);
    if (!d)
        skip();
    for (struct dirent *f; (f = readdir(d));) {
        char base[1024];
        size_t n = strlen(f->d_name);
        if (n < 6 || strcmp(f->d_name + n - 5, ".gguf") != 0)
            continue;
        snprintf(base, sizeof base, "%s/%.*s", folder, (int)(n - 5), f->d_name);
        if (!quantised)
            check_model(base, false);
        check_model(base, true);
    }
    closedir(d);
}

static void our_models(void **state)
{
    (void)state;
    check_folder("tests/data/arch", true);
}

static void shared_models(void **state)
{
    const char *shared = getenv("MOAT_SHARED");
    char folder[1024];
    (void)state;
    snprintf(folder, sizeof folder, "%s/conformance/arch", shared ? shared : "../shared");
    check_folder(folder, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_models),
        cmocka_unit_test(shared_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
