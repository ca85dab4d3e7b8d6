/* SPDX-License-Identifier: Apache-2.0 */
/* Saved states: going on from one gives the bits of never having stopped; what is altered, cut off
 * or of another model is refused, and bytes that only pretend to be sound do no harm. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "run/state.h"
#include "test.h"

enum { N_CTX = 64, N = 40, MORE = 12 };

static char folder[] = "/tmp/moat-state-XXXXXX";
static char path[64];

struct opened {
    struct gguf *g;
    struct model *m;
    struct forward *f;
    struct timeline t;
    uint32_t token[N_CTX];
};

static const struct hash us = {{1, 2, 3}}, them = {{1, 2, 4}};

static void check(bool ok, const struct err *e)
{
    if (!ok)
        fail_msg("%s", e->msg);
}

static void open_model(struct opened *o, const char *name, uint32_t n_ctx)
{
    struct err e;
    char file[128];
    struct forward_params p = {.kv = {.type = KV_F16, .n_ctx = n_ctx, .n_seq = 1, .n_batch = 32},
                               .n_threads = 1,
                               .n_logits = 1};
    snprintf(file, sizeof file, "tests/data/arch/%s.gguf", name);
    check((o->g = gguf_open(file, &e)) && (o->m = model_new(o->g, NULL, &e)) &&
              (o->f = forward_new(o->m, &p, &e)) && timeline_new(&o->t, o->f, 0, &e),
          &e);
    for (uint32_t i = 0; i < N_CTX; i++)
        o->token[i] = (i * 7919 + 13 * (i / 9)) % o->m->h.n_vocab;
}

static void close_model(struct opened *o)
{
    timeline_free(&o->t);
    forward_free(o->f);
    model_free(o->m);
    gguf_close(o->g);
}

static void go_to(struct opened *o, uint32_t n)
{
    struct err e;
    uint32_t reused;
    check(timeline_sync(&o->t, o->token, n, NULL, &reused, &e), &e);
}

static void push(struct opened *o, uint32_t from, uint32_t to)
{
    struct err e;
    for (; from < to; from++)
        check(timeline_push(&o->t, o->token[from], &e), &e);
}

static struct buf read_all(void)
{
    struct err e;
    struct buf b;
    buf_init(&b, 64u << 20);
    check(buf_read_file(&b, path, &e), &e);
    return b;
}

/* The checksum that makes altered bytes look sound. */
static void seal(struct buf *b)
{
    struct err e;
    struct hash sum;
    struct str body = {b->p, b->n - sizeof sum};
    check(hash_of(&body, 1, &sum, &e), &e);
    memcpy(b->p + body.n, sum.b, sizeof sum);
}

static void goes_on(void **state)
{
    struct opened a, b;
    struct err e;
    struct stat st;
    struct buf attached;
    open_model(&a, *state, N_CTX);
    open_model(&b, *state, N_CTX);
    buf_init(&attached, 100);
    go_to(&a, N);
    push(&a, N, N + 3);
    check(state_write(&a.t, &us, STR("with it"), path, &e), &e);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    push(&a, N + 3, N + MORE);
    check(state_read(&b.t, &us, path, &attached, &e), &e);
    assert_string_equal(buf_c(&attached), "with it");
    assert_int_equal(b.t.n, N + 3);
    push(&b, N + 3, N + MORE);
    assert_memory_equal(a.t.logits, b.t.logits, a.m->h.n_vocab * sizeof(float));
    check(state_write(&b.t, &us, STR(""), path, &e), &e); /* over a state */
    unlink(path);
    buf_clear(&attached);
    close_model(&a);
    close_model(&b);
}

static void refuse(struct opened *o, struct str file, const struct hash *model, enum err_code code,
                   const char *words)
{
    struct err e = {0};
    struct buf attached;
    buf_init(&attached, 1000);
    assert_false(state_take(&o->t, model, file, "f", &attached, &e));
    buf_clear(&attached);
    if (e.code != code || !strstr(e.msg, words))
        fail_msg("%d: %s\n", e.code, e.msg);
}

static void what_is_not_sound_is_refused(void **state)
{
    (void)state;
    struct opened o, tiny, other;
    struct err e;
    open_model(&o, "llama", N_CTX);
    open_model(&tiny, "llama", 16);
    open_model(&other, "qwen3", N_CTX);
    go_to(&o, N);
    check(state_write(&o.t, &us, STR("attached"), path, &e), &e);
    struct buf b = read_all();
    for (size_t i = 0; i < b.n; i += i < 200 ? 1 : 97) {
        refuse(&o, (struct str){b.p, i}, &us, ERR_CORRUPT, i < 8 ? "no saved state" : "altered");
        if (i >= 8 && i < 12)
            continue;
        b.p[i] ^= 1;
        refuse(&o, buf_view(&b), &us, ERR_CORRUPT, i < 8 ? "no saved state" : "altered");
        b.p[i] ^= 1;
    }
    refuse(&o, buf_view(&b), &them, ERR_USAGE, "another model");
    refuse(&tiny, buf_view(&b), &us, ERR_LIMIT, "the context is 16");
    refuse(&other, buf_view(&b), &us, ERR_CORRUPT, "not of this model");
    b.p[8] = 2;
    refuse(&o, buf_view(&b), &us, ERR_UNSUPPORTED, "newer");
    b.p[8] = 1;
    memset(b.p + 64 + 8 + 4, 0xff, 4); /* a token */
    seal(&b);
    refuse(&o, buf_view(&b), &us, ERR_CORRUPT, "not of this model");
    go_to(&o, N); /* and the timeline works */
    buf_clear(&b);
    unlink(path);
    close_model(&o);
    close_model(&tiny);
    close_model(&other);
}

/* With the checksum made to fit, anything may be in it. */
static void altered_and_sealed_does_no_harm(void **state)
{
    (void)state;
    struct opened o;
    struct err e;
    struct buf attached;
    uint32_t random = 1, taken = 0, refused = 0;
    open_model(&o, "gemma3", N_CTX);
    go_to(&o, N);
    check(state_write(&o.t, &us, STR("attached"), path, &e), &e);
    struct buf b = read_all();
    buf_init(&attached, 1u << 20);
    for (int i = 0; i < 2000; i++) {
        struct buf c = {0};
        buf_init(&c, b.n);
        buf_add(&c, b.p, b.n);
        for (int k = 0; k < 1 + i % 3; k++) {
            random = random * 1664525u + 1013904223u;
            size_t at = (random >> 8) % (i % 4 ? 400 : b.n);
            random = random * 1664525u + 1013904223u;
            c.p[at] = (char)(random >> 24);
        }
        seal(&c);
        bool ok = state_take(&o.t, &us, buf_view(&c), "f", &attached, &e);
        taken += ok;
        refused += !ok;
        if (ok && o.t.n < N_CTX)
            push(&o, o.t.n, o.t.n + 1);
        buf_clear(&c);
    }
    assert_true(taken > 50 && refused > 50);
    buf_clear(&attached);
    buf_clear(&b);
    unlink(path);
    close_model(&o);
}

static void only_states_are_replaced_and_only_own_ones_read(void **state)
{
    (void)state;
    struct opened o;
    struct err e = {0};
    struct buf attached;
    open_model(&o, "llama", N_CTX);
    go_to(&o, N);
    buf_init(&attached, 100);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("mine, and longer than a header is: 0123456789 0123456789 0123456789 0123456789", f);
    fclose(f);
    assert_false(state_write(&o.t, &us, STR(""), path, &e));
    assert_non_null(strstr(e.msg, "choose another name"));
    assert_false(state_read(&o.t, &us, path, &attached, &e));
    assert_non_null(strstr(e.msg, "no saved state"));
    unlink(path);
    check(state_write(&o.t, &us, STR(""), path, &e), &e);
    chmod(path, 0666);
    assert_false(state_read(&o.t, &us, path, &attached, &e));
    assert_int_equal(e.code, ERR_DENIED);
    unlink(path);
    assert_false(state_read(&o.t, &us, path, &attached, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    buf_clear(&attached);
    close_model(&o);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/s", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

#define GOES_ON(name)                                                                              \
    {                                                                                              \
        name, goes_on, NULL, NULL, (void *)(uintptr_t)(name)                                       \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        GOES_ON("llama"),
        GOES_ON("gemma3"),
        GOES_ON("deepseek2"),
        GOES_ON("qwen3next"),
        GOES_ON("lfm2"),
        cmocka_unit_test(what_is_not_sound_is_refused),
        cmocka_unit_test(altered_and_sealed_does_no_harm),
        cmocka_unit_test(only_states_are_replaced_and_only_own_ones_read),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
