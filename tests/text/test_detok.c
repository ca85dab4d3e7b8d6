/* SPDX-License-Identifier: Apache-2.0 */
/* tests of text/detok: what a stream gives, piece by piece, is the whole text and never half a
 * character. */
#include "text/vocab_file.h"

#include "text/detok.h"

/* The bytes of all tokens, each maximal part of a character that came to nothing as U+FFFD; written
 * from the Unicode Standard (3.9, "substitution of maximal subparts"), not from detok.c. */
static void expect(struct str s, struct buf *out)
{
    for (size_t at = 0; at < s.n;) {
        const unsigned char *p = (const unsigned char *)s.p + at;
        size_t left = s.n - at, n = 1;
        size_t need = p[0] < 0x80                    ? 1
                      : p[0] >= 0xc2 && p[0] <= 0xdf ? 2
                      : (p[0] & 0xf0) == 0xe0        ? 3
                      : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                                     : 0;
        while (need && n < need && n < left && (p[n] & 0xc0) == 0x80) {
            if (n == 1 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
                           (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)))
                break;
            n++;
        }
        if (need == n)
            buf_add(out, p, n);
        else
            buf_cstr(out, "\xef\xbf\xbd");
        at += n;
    }
}

static void stream(const struct vocab *v, const uint32_t *id, size_t n, bool special)
{
    struct detok d;
    struct buf out, bytes, whole;
    buf_init(&out, 1 << 20);
    buf_init(&bytes, 1 << 20);
    buf_init(&whole, 1 << 20);
    detok_init(&d, v, special);
    for (size_t i = 0; i < n; i++) {
        size_t before = out.n;
        detok_push(&d, id[i], &out);
        assert_true(str_utf8_valid(str_from(buf_view(&out), before)));
        vocab_piece(v, id[i], special, &bytes);
    }
    detok_flush(&d, &out);
    struct str s = buf_view(&bytes);
    bool strip = v->add_space_prefix || v->kind == VOCAB_WORDPIECE;
    expect(strip && s.n && s.p[0] == ' ' ? str_from(s, 1) : s, &whole);
    if (!str_eq(buf_view(&out), buf_view(&whole)))
        fail_msg("got \"%s\", not \"%s\"", buf_c(&out), buf_c(&whole));
    buf_clear(&out);
    buf_clear(&bytes);
    buf_clear(&whole);
}

/* Any ids at all, mostly those of single bytes. */
static void random_ids(void **state)
{
    (void)state;
    static const char *const names[] = {"bpe", "lines", "spm", "wordpiece", "unigram"};
    for (size_t k = 0; k < 5; k++) {
        struct vocab_file f = vocab_file_open(names[k]);
        uint64_t seed = k + 1;
        for (size_t round = 0; round < 2000; round++) {
            uint32_t id[24], n = 1 + next_random(&seed) % 24;
            for (uint32_t i = 0; i < n; i++)
                id[i] = next_random(&seed) % (next_random(&seed) % 4 ? 264 : f.v->n_tokens + 2);
            stream(f.v, id, n, round % 2);
        }
        vocab_file_close(&f);
    }
}

/* Characters cut into bytes and put together again, with damage. */
static void random_bytes(void **state)
{
    (void)state;
    struct vocab_file f = vocab_file_open("bpe");
    static const char pool[] =
        "a\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x99\x82\xed\xa0\x80\xf4\x90\x80\xc0\xff";
    uint32_t of_byte[256] = {0};
    for (uint32_t id = 0; id < f.v->n_tokens; id++) {
        struct str s = vocab_view(f.v, id, false);
        if (s.n == 1 && vocab_type(f.v, id) == TOKEN_NORMAL)
            of_byte[(unsigned char)s.p[0]] = id;
    }
    uint64_t seed = 11;
    for (size_t round = 0; round < 20000; round++) {
        uint32_t id[16], n = 1 + next_random(&seed) % 16, at = 0;
        for (uint32_t i = 0; i < n; i++) {
            at = next_random(&seed) % 4 ? at + 1 : next_random(&seed);
            id[i] = of_byte[(unsigned char)pool[at % (sizeof pool - 1)]];
        }
        stream(f.v, id, n, false);
    }
    vocab_file_close(&f);
}

static void texts(void **state)
{
    (void)state;
    struct vocab_file f = vocab_file_open("bpe");
    uint64_t seed = 5;
    for (size_t round = 0; round < 200; round++) {
        struct tokens t = {0};
        struct err e = {0};
        struct detok d;
        struct buf b, out;
        buf_init(&b, 1 << 20);
        buf_init(&out, 1 << 20);
        random_text(&b, &seed, round);
        assert_true(tokenize(f.v, buf_view(&b), false, false, &t, &e));
        detok_init(&d, f.v, false);
        for (size_t i = 0; i < t.n; i++)
            detok_push(&d, t.id[i], &out);
        assert_true(str_eq(buf_view(&out), buf_view(&b)));
        detok_flush(&d, &out);
        assert_true(str_eq(buf_view(&out), buf_view(&b)));
        buf_clear(&b);
        buf_clear(&out);
        tokens_clear(&t);
    }
    vocab_file_close(&f);
}

/* SentencePiece's leading blank goes at the start, and only there. */
static void leading_blank(void **state)
{
    (void)state;
    struct vocab_file f = vocab_file_open("spm");
    struct tokens t = {0};
    struct err e = {0};
    struct detok d;
    struct buf out;
    buf_init(&out, 100);
    assert_true(tokenize(f.v, STR("the town"), true, false, &t, &e));
    detok_init(&d, f.v, false);
    for (size_t i = 0; i < t.n; i++)
        detok_push(&d, t.id[i], &out);
    assert_string_equal(buf_c(&out), "the town");
    buf_reset(&out);
    detok_init(&d, f.v, false);
    detok_continue(&d);
    for (size_t i = 0; i < t.n; i++)
        detok_push(&d, t.id[i], &out);
    assert_string_equal(buf_c(&out), " the town");
    buf_clear(&out);
    tokens_clear(&t);
    vocab_file_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_ids),
        cmocka_unit_test(random_bytes),
        cmocka_unit_test(texts),
        cmocka_unit_test(leading_blank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
