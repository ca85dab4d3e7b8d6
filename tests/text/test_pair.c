/* SPDX-License-Identifier: Apache-2.0 */
/* A question and a passage as one text: what stands between them by kind of vocabulary, and which
 * templates are refused. */
#include "text/pair.h"

#include "gguf/gguf_write.h"
#include "gguf/tiny.h"
#include "test.h"

/* The ids of a pair, told by where the special tokens are. */
static void check(const char *path, bool twice)
{
    struct err e;
    struct gguf *g = gguf_open(path, &e);
    assert_non_null(g);
    struct vocab *v = vocab_new(g, &e);
    struct pair p;
    struct tokens all = {0}, a = {0}, b = {0};
    uint32_t n_first = 0;
    assert_non_null(v);
    assert_true(pair_open(&p, g, &e));
    assert_true(pair_tokenize(&p, v, STR("the fox"), STR("a dog"), &all, &n_first, &e));
    assert_true(tokenize(v, STR("the fox"), true, false, &a, &e));
    assert_true(tokenize(v, STR("a dog"), false, false, &b, &e));
    uint32_t sep = v->sep == TOKEN_NONE ? v->eos : v->sep;
    assert_int_equal(all.n, a.n + twice + b.n + 1);
    assert_int_equal(n_first, a.n + twice);
    assert_memory_equal(all.id, a.id, a.n * sizeof *a.id);
    assert_memory_equal(all.id + n_first, b.id, b.n * sizeof *b.id);
    assert_int_equal(all.id[n_first - 1], sep);
    assert_int_equal(all.id[all.n - 1], sep);
    tokens_clear(&all);
    tokens_clear(&a);
    tokens_clear(&b);
    vocab_free(v);
    gguf_close(g);
}

static void test_encoders(void **state)
{
    (void)state;
    check("tests/data/embed/bert.gguf", false);
    check("tests/data/vocab/unigram.gguf", true);
}

static bool opens(const char *template, struct err *e)
{
    struct gguf_writer w;
    struct buf b;
    struct pair p;
    buf_init(&b, 1 << 20);
    gguf_write_init(&w, 32);
    gguf_write_str(&w, "tokenizer.chat_template.rerank", str_of(template));
    assert_true(gguf_write_bytes(&w, &b, e));
    struct gguf *g = tiny_open(b.p, b.n, e);
    assert_non_null(g);
    bool ok = pair_open(&p, g, e);
    gguf_close(g);
    gguf_write_clear(&w);
    buf_clear(&b);
    return ok;
}

static void test_templates(void **state)
{
    (void)state;
    static const char *const bad[] = {"no place", "{query}", "{document}",
                                      "{query}{query}{document}", "{query} {document} {document}"};
    struct err e;
    assert_true(opens("{document} or {query}?", &e));
    assert_true(opens("{query}{document}", &e));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(opens(bad[i], &e));
        assert_int_equal(e.code, ERR_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_encoders),
                                       cmocka_unit_test(test_templates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
