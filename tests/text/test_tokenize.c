/* SPDX-License-Identifier: Apache-2.0 */
/* tests of text/tokenize and the families behind it: the ids that an independent encoder gives
 * (tests/data/make_vocab.py), round trips, plain text staying plain, and time. */
#include "text/vocab_file.h"

#include <jansson.h>

#include "base/limits.h"

static void same_ids(const struct vocab *v, const json_t *row, bool special)
{
    struct tokens t = {0};
    struct err e = {0};
    const json_t *text = json_array_get(row, 0), *ids = json_array_get(row, special ? 2 : 1);
    struct str s = {json_string_value(text), json_string_length(text)};
    assert_true(tokenize(v, s, special, special, &t, &e));
    bool same = t.n == json_array_size(ids);
    for (size_t i = 0; same && i < t.n; i++)
        same = t.id[i] == (uint32_t)json_integer_value(json_array_get(ids, i));
    if (!same) {
        for (size_t i = 0; i < t.n; i++)
            print_error(" %u", t.id[i]);
        fail_msg("\"%.*s\" (special %d)", STR_ARG(s), special);
    }
    tokens_clear(&t);
}

static void ids_of(const char *name)
{
    struct vocab_file f = vocab_file_open(name);
    json_error_t je;
    char path[256];
    snprintf(path, sizeof path, "tests/data/vocab/%s.json", name);
    json_t *rows = json_load_file(path, JSON_ALLOW_NUL, &je), *row;
    size_t i;
    assert_true(json_array_size(rows) > 50);
    json_array_foreach(rows, i, row)
    {
        same_ids(f.v, row, false);
        same_ids(f.v, row, true);
    }
    json_decref(rows);
    vocab_file_close(&f);
}

static void bpe_ids(void **state)
{
    (void)state;
    ids_of("bpe");
}

static void lines_ids(void **state)
{
    (void)state;
    ids_of("lines");
}

static void spm_ids(void **state)
{
    (void)state;
    ids_of("spm");
}

static void wordpiece_ids(void **state)
{
    (void)state;
    ids_of("wordpiece");
}

static void unigram_ids(void **state)
{
    (void)state;
    ids_of("unigram");
}

/* --- round trips ------------------------------------------------------------------------------ */

static void round_trip(const struct vocab *v, struct str text)
{
    struct tokens t = {0};
    struct err e = {0};
    struct buf back;
    buf_init(&back, 1 << 24);
    assert_true(tokenize(v, text, false, false, &t, &e));
    for (size_t i = 0; i < t.n; i++) {
        assert_true(t.id[i] < v->n_tokens);
        vocab_piece(v, t.id[i], false, &back);
    }
    struct str got = buf_view(&back);
    if (v->add_space_prefix && got.n)
        got = str_from(got, 1);
    if (!str_eq(got, text))
        fail_msg("\"%.*s\" came back as \"%.*s\"", STR_ARG(text), STR_ARG(got));
    buf_clear(&back);
    tokens_clear(&t);
}

static void texts_come_back(void **state)
{
    (void)state;
    static const char *const names[] = {"bpe", "lines", "spm"};
    for (size_t k = 0; k < 3; k++) {
        struct vocab_file f = vocab_file_open(names[k]);
        uint64_t seed = 7 + k;
        for (size_t n = 0; n < 300; n++) {
            struct buf b;
            buf_init(&b, 1 << 20);
            random_text(&b, &seed, n);
            round_trip(f.v, buf_view(&b));
            buf_clear(&b);
        }
        vocab_file_close(&f);
    }
}

/* Bytes that are no UTF-8 are not lost either. */
static void bytes_come_back(void **state)
{
    (void)state;
    static const char *const names[] = {"bpe", "lines", "spm"};
    for (size_t k = 0; k < 3; k++) {
        struct vocab_file f = vocab_file_open(names[k]);
        uint64_t seed = 3 + k;
        for (size_t round = 0; round < 300; round++) {
            char bytes[200];
            size_t n = next_random(&seed) % sizeof bytes;
            for (size_t i = 0; i < n; i++) {
                uint32_t r = next_random(&seed);
                bytes[i] = round % 3 ? (char)(r & 0xff) : "\xe2\x96\x81\xf0\x9f a"[r % 7];
            }
            /* U+2581 is a blank to these two */
            if (k == 0 || !memmem(bytes, n, "\xe2\x96\x81", 3))
                round_trip(f.v, (struct str){bytes, n});
        }
        vocab_file_close(&f);
    }
}

/* --- plain text stays plain ------------------------------------------------------------------- */

static void plain_text_makes_no_control_token(void **state)
{
    (void)state;
    static const char *const names[] = {"bpe", "lines", "spm", "wordpiece", "unigram"};
    for (size_t k = 0; k < 5; k++) {
        struct vocab_file f = vocab_file_open(names[k]);
        struct err e = {0};
        for (uint32_t id = 0; id < f.v->n_tokens; id++) {
            struct tokens t = {0};
            assert_true(tokenize(f.v, vocab_text(f.v, id), false, false, &t, &e));
            for (size_t i = 0; i < t.n; i++)
                assert_true(vocab_type(f.v, t.id[i]) != TOKEN_CONTROL || t.id[i] == f.v->unk);
            tokens_clear(&t);
        }
        vocab_file_close(&f);
    }
}

static void special_tokens_are_read_only_when_asked(void **state)
{
    (void)state;
    struct vocab_file f = vocab_file_open("bpe");
    struct tokens t = {0};
    struct err e = {0};
    uint32_t end;
    assert_true(vocab_find(f.v, STR("<|end|>"), &end));
    assert_true(tokenize(f.v, STR("<|end|>"), false, true, &t, &e));
    assert_int_equal(t.n, 1);
    assert_int_equal(t.id[0], end);
    t.n = 0;
    assert_true(tokenize(f.v, STR("<|end|>"), false, false, &t, &e));
    assert_true(t.n > 1);
    tokens_clear(&t);
    vocab_file_close(&f);
}

/* --- limits ----------------------------------------------------------------------------------- */

static void too_much_text_is_refused(void **state)
{
    (void)state;
    struct vocab_file f = vocab_file_open("bpe");
    struct tokens t = {0};
    struct err e = {0};
    assert_false(tokenize(f.v, (struct str){"x", LIMIT_TEXT_BYTES + 1}, true, true, &t, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    size_t n = LIMIT_PIECE_BYTES + 1;
    char *a = malloc(n);
    assert_non_null(a);
    memset(a, 'a', n);
    assert_false(tokenize(f.v, (struct str){a, n}, true, true, &t, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_non_null(strstr(e.msg, "without a break"));
    free(a);
    tokens_clear(&t);
    vocab_file_close(&f);
}

/* Half a megabyte of each, and of a family's own special tokens: nothing takes a second. */
static void no_text_is_slow(void **state)
{
    (void)state;
    static const char *const names[] = {"bpe", "lines", "spm", "wordpiece", "unigram"};
    static const char *const units[] = {"a",    " ",       "\n",    "🙂", "世",   "ab",
                                        "the ", "1",       "!",     "'s", "\xff", "▁",
                                        "<",    "<|end|>", "<tool", "é",  "  x",  "e\u0301"};
    for (size_t k = 0; k < 5; k++) {
        struct vocab_file f = vocab_file_open(names[k]);
        for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
            struct tokens t = {0};
            struct err e = {0};
            struct buf b;
            buf_init(&b, 1 << 21);
            while (b.n < 1 << 19)
                buf_cstr(&b, units[u]);
            uint64_t start = os_now_ns();
            assert_true(tokenize(f.v, buf_view(&b), true, u % 2, &t, &e));
            double s = seconds_since(start);
            if (s > 1)
                fail_msg("%s: 512 KiB of \"%s\" took %.2f s", names[k], units[u], s);
            buf_clear(&b);
            tokens_clear(&t);
        }
        vocab_file_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bpe_ids),
        cmocka_unit_test(lines_ids),
        cmocka_unit_test(spm_ids),
        cmocka_unit_test(wordpiece_ids),
        cmocka_unit_test(unigram_ids),
        cmocka_unit_test(texts_come_back),
        cmocka_unit_test(bytes_come_back),
        cmocka_unit_test(plain_text_makes_no_control_token),
        cmocka_unit_test(special_tokens_are_read_only_when_asked),
        cmocka_unit_test(too_much_text_is_refused),
        cmocka_unit_test(no_text_is_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
