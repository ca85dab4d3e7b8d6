/* SPDX-License-Identifier: Apache-2.0 */
/* tests/engine/test_depth: decoding after a context long enough for its keys to be cut in parts
 * (engine/attention): for every type of cache the same bits for any number of threads and of rows
 * in a pass, also where the length of the parts changes; and what the prompt's kernels, which cut
 * nothing, come to. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "compute/kv_block.h"
#include "engine/blocks.h"
#include "engine/timeline.h"
#include "gguf/gguf.h"
#include "test.h"

enum {
    ROWS = DECODE_TOKENS,
    CUT = (ATTEND_PARTS - 2) * PART_KEYS /* from here parts are longer */
};

struct opened {
    struct gguf *g;
    struct model *m;
    struct forward *f;
    struct timeline t;
    uint32_t *token;
};

static void check(bool ok, const struct err *e)
{
    if (!ok)
        fail_msg("%s", e->msg);
}

static void open_model(struct opened *o, const char *name, enum kv_type type, uint32_t n,
                       uint32_t threads, enum precision precision)
{
    struct err e;
    char path[256];
    struct forward_params p = {.kv = {.type = type, .n_ctx = n + ROWS, .n_seq = 1, .n_batch = 256},
                               .n_threads = threads,
                               .n_logits = ROWS,
                               .precision = precision};
    snprintf(path, sizeof path, "tests/data/arch/%s.gguf", name);
    *o = (struct opened){0};
    check((o->g = gguf_open(path, &e)) && (o->m = model_new(o->g, NULL, &e)) &&
              (o->f = forward_new(o->m, &p, &e)) && timeline_new(&o->t, o->f, 0, &e) &&
              (o->token = mem_new(n + ROWS, sizeof *o->token, &e)),
          &e);
    for (uint32_t i = 0; i < n + ROWS; i++)
        o->token[i] = (i * 7919 + 13 * (i / 9)) % o->m->h.n_vocab;
}

static void close_model(struct opened *o)
{
    timeline_free(&o->t);
    forward_free(o->f);
    model_free(o->m);
    gguf_close(o->g);
    mem_free(o->token);
}

/* The first n tokens as a prompt, then ROWS more, `rows` in each pass; their logits -> out. */
static void decode(struct opened *o, uint32_t n, uint32_t rows, float *out)
{
    struct err e;
    uint32_t reused, n_vocab = o->m->h.n_vocab;
    timeline_forget(&o->t);
    check(timeline_sync(&o->t, o->token, n, NULL, &reused, &e), &e);
    for (uint32_t i = 0; i < ROWS; i += rows) {
        uint32_t left = ROWS - i < rows ? ROWS - i : rows;
        check(timeline_push_all(&o->t, o->token + n + i, left, &e), &e);
        memcpy(out + (size_t)i * n_vocab, o->t.logits, (size_t)left * n_vocab * sizeof *out);
    }
}

static void check_threads(const char *name, enum kv_type type, uint32_t n)
{
    struct opened o;
    struct err e;
    open_model(&o, name, type, n, 1, PRECISION_NORMAL);
    const size_t size = (size_t)ROWS * o.m->h.n_vocab;
    float *want = mem_new(size, sizeof *want, &e), *got = mem_new(size, sizeof *got, &e);
    assert_true(want && got);
    decode(&o, n, 1, want);
    for (uint32_t rows = 3; rows <= ROWS && timeline_can_cut(&o.t); rows += 5) {
        decode(&o, n, rows, got);
        if (memcmp(got, want, size * sizeof *got) != 0)
            fail_msg("%s %s: %u rows in a pass have other bits", name, kv_type_name(type), rows);
    }
    close_model(&o);
    open_model(&o, name, type, n, 3, PRECISION_NORMAL);
    decode(&o, n, 1, got);
    if (memcmp(got, want, size * sizeof *got) != 0)
        fail_msg("%s %s: three threads give other bits", name, kv_type_name(type));
    close_model(&o);
    mem_free(want);
    mem_free(got);
}

static void threads_and_rows_change_no_bit(void **state)
{
    static const char *const names[] = {"llama",   "qwen2",     "gemma3",
                                        "gpt-oss", "deepseek2", "cohere2"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (enum kv_type t = 0; t < KV_TYPES; t++)
            check_threads(names[i], t, 700);
}

static void nor_where_parts_grow(void **state)
{
    (void)state;
    check_threads("llama", KV_F16, CUT - 4);
    check_threads("llama", KV_Q8, CUT - 4);
}

/* The last token by itself, and as the end of a prompt. */
static void parts_come_to_the_whole(void **state)
{
    static const char *const names[] = {"llama", "gemma3", "gpt-oss", "deepseek2"};
    static const uint32_t lengths[] = {255, 256, 257, 600, 1023};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
            struct opened o;
            struct err e;
            uint32_t n = lengths[j], reused;
            float worst = 0;
            open_model(&o, names[i], KV_F32, n + 1, 2, PRECISION_EXACT);
            check(timeline_sync(&o.t, o.token, n + 1, NULL, &reused, &e), &e);
            float *want = mem_new(o.m->h.n_vocab, sizeof *want, &e);
            assert_non_null(want);
            memcpy(want, o.t.logits, o.m->h.n_vocab * sizeof *want);
            timeline_forget(&o.t);
            check(timeline_sync(&o.t, o.token, n, NULL, &reused, &e) &&
                      timeline_push(&o.t, o.token[n], &e),
                  &e);
            for (uint32_t v = 0; v < o.m->h.n_vocab; v++)
                worst = fmaxf(worst, fabsf(want[v] - o.t.logits[v]));
            if (!(worst < 1e-3f))
                fail_msg("%s at %u: %g", names[i], n, (double)worst);
            mem_free(want);
            close_model(&o);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_rows_change_no_bit),
        cmocka_unit_test(nor_where_parts_grow),
        cmocka_unit_test(parts_come_to_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
