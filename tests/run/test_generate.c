/* SPDX-License-Identifier: Apache-2.0 */
/* A context that is full: what is answered after a shift is what a fresh sequence of the tokens
 * that stay answers, to the bit, with and without windows; a grown prompt drops the same
 * tokens as the answer before it. */
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "engine/timeline.h"
#include "run/generate.h"
#include "run/shift.h"
#include "test.h"
#include "text/detok.h"
#include "text/tokenize.h"

enum { CONTEXT = 48, KEEP = 5, TOKENS = 130 };

static void check(bool ok, const struct err *e)
{
    if (!ok)
        fail_msg("%s", e->msg);
}

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "tests/data/arch/%s.gguf", name);
    return path;
}

static bool add_text(void *arg, struct str text)
{
    buf_str(arg, text);
    return true;
}

static void prepare(struct settings *s, const struct vocab *v)
{
    settings_init(s);
    s->temperature = 0;
    s->max_tokens = TOKENS;
    s->context_window = CONTEXT;
    s->context_shift = true;
    s->keep = KEEP;
    struct err e;
    char ban[32]; /* the model is of random weights, and may end whenever it likes */
    for (uint32_t i = 0; v && i < v->n_tokens; i++) {
        snprintf(ban, sizeof ban, "%u=false", i);
        if (vocab_ends_answer(v, i))
            check(settings_set(s, settings_find(STR("logit_bias")), str_of(ban), &e), &e);
    }
}

static struct generator *open_generator(const char *name)
{
    struct err e = {0};
    struct settings s;
    struct memplan plan;
    struct load_options o = {.threads = 1, .kv = KV_F32, .precision = PRECISION_EXACT};
    prepare(&s, NULL);
    struct generator *g = generator_open(gguf_open(path_of(name), &e), &s, &o, &plan, &e);
    settings_clear(&s);
    if (!g)
        fail_msg("%s: %s", name, e.msg);
    return g;
}

/* The likeliest token that ends nothing. */
static uint32_t best(const struct vocab *v, const float *logits, uint32_t n)
{
    uint32_t top = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++)
        if (!vocab_ends_answer(v, i) && (top == UINT32_MAX || logits[i] > logits[top]))
            top = i;
    return top;
}

/* The same answer by hand: a long context, and at each full one a fresh sequence. */
static void answer_by_hand(const char *name, const struct vocab *v, struct tokens *t,
                           struct buf *text)
{
    struct err e = {0};
    struct forward_params p = {
        .kv = {.type = KV_F32, .n_ctx = 4 * CONTEXT, .n_seq = 1, .n_batch = 16},
        .n_threads = 1,
        .n_logits = 1,
        .precision = PRECISION_EXACT};
    struct gguf *g = gguf_open(path_of(name), &e);
    struct model *m = g ? model_new(g, NULL, &e) : NULL;
    struct forward *f = m ? forward_new(m, &p, &e) : NULL;
    struct timeline line;
    struct detok d;
    uint32_t reused;
    check(f && timeline_new(&line, f, 0, &e), &e);
    detok_init(&d, v, false);
    detok_continue(&d);
    for (uint32_t i = 0; i < TOKENS; i++) {
        check(timeline_sync(&line, t->id, (uint32_t)t->n, NULL, &reused, &e), &e);
        uint32_t id = best(v, line.logits, m->h.n_vocab);
        detok_push(&d, id, text);
        check(tokens_push(t, id, &e), &e);
        if (t->n == CONTEXT + 1) {
            size_t gone = (CONTEXT - KEEP) / 2;
            memmove(t->id + KEEP, t->id + KEEP + gone, (t->n - KEEP - gone) * sizeof *t->id);
            t->n -= gone;
            (void)kv_truncate(f->kv, 0, 0);
            line.n = 0;
        }
    }
    detok_flush(&d, text);
    timeline_free(&line);
    forward_free(f);
    model_free(m);
    gguf_close(g);
}

static void shifted_is_fresh(void **state)
{
    const char *name = *state;
    struct err e = {0};
    struct settings s;
    struct generation r;
    struct tokens t = {0};
    struct buf got, wanted;
    struct generator *g = open_generator(name);
    const struct vocab *v = generator_vocab(g);
    prepare(&s, v);
    buf_init(&got, 1u << 20);
    buf_init(&wanted, 1u << 20);
    check(generate(g, STR("There is no place like the one where you are"), &s, NULL, add_text, &got,
                   &r, &e),
          &e);
    assert_int_equal(r.finish, FINISH_LENGTH);
    assert_int_equal(r.n_generated, TOKENS);
    assert_true(r.n_dropped >= 4 * ((CONTEXT - KEEP) / 2));
    check(tokenize(v, STR("There is no place like the one where you are"), true, true, &t, &e), &e);
    answer_by_hand(name, v, &t, &wanted);
    assert_string_equal(buf_c(&got), buf_c(&wanted));
    tokens_clear(&t);
    buf_clear(&got);
    buf_clear(&wanted);
    settings_clear(&s);
    generator_close(g);
}

/* Whole words of the same text: each turn's prompt is the last one and some more. */
static void grown_prompt_drops_the_same(void **state)
{
    (void)state;
    struct shift s;
    struct err e;
    uint32_t token[200], shorter[200];
    check(shift_init(&s, 64, 8, &e), &e);
    for (uint32_t n = 64; n < 150; n++) {
        for (uint32_t i = 0; i < n; i++)
            token[i] = shorter[i] = i;
        uint32_t gone = shift_drop(&s, token, n), before = shift_drop(&s, shorter, n - 1);
        assert_true(gone % 28 == 0 && n - gone < 64 && n - gone >= 8 + 27);
        assert_true(gone == before || (gone == before + 28 && n - 1 - before == 63));
        for (uint32_t i = 0; i < n - gone; i++)
            assert_int_equal(token[i], i < 8 ? i : i + gone);
    }
    assert_int_equal(shift_drop(&s, token, 63), 0);
    assert_false(shift_init(&s, 64, 61, &e));
    assert_int_equal(e.code, ERR_USAGE);
}

static void long_prompt_is_shifted_only_on_request(void **state)
{
    (void)state;
    struct err e = {0};
    struct settings s;
    struct generation r;
    struct buf prompt, got;
    struct generator *g = open_generator("llama");
    prepare(&s, generator_vocab(g));
    buf_init(&prompt, 1u << 16);
    buf_init(&got, 1u << 16);
    for (int i = 0; i < 20; i++)
        buf_cstr(&prompt, "Once upon a time, in a small village by the sea. ");
    s.max_tokens = 3;
    check(generate(g, buf_view(&prompt), &s, NULL, add_text, &got, &r, &e), &e);
    assert_true(r.n_dropped > 0 && r.n_prompt < CONTEXT && r.n_kept == KEEP);
    s.context_shift = false;
    assert_false(generate(g, buf_view(&prompt), &s, NULL, add_text, &got, &r, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    buf_clear(&prompt);
    buf_clear(&got);
    settings_clear(&s);
    generator_close(g);
}

#define SHIFTED(name)                                                                              \
    {                                                                                              \
        name, shifted_is_fresh, NULL, NULL, (void *)(uintptr_t)(name)                              \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHIFTED("llama"),
        SHIFTED("llama-moe"),
        SHIFTED("gemma3"),
        cmocka_unit_test(grown_prompt_drops_the_same),
        cmocka_unit_test(long_prompt_is_shifted_only_on_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
