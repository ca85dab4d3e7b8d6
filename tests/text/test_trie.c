/* SPDX-License-Identifier: Apache-2.0 */
/* tests of text/trie, text/token_index and text/bytemap against plain searches. */
#include "test.h"

#include "base/mem.h"
#include "text/bytemap.h"
#include "text/token_index.h"
#include "text/trie.h"

enum { N_KEYS = 400 };

static uint64_t state = 1;

static uint32_t below(uint32_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

/* Short keys over few letters, so that one begins another all the time. */
static void random_keys(char text[N_KEYS][40], struct str key[N_KEYS], uint32_t letters)
{
    for (size_t i = 0; i < N_KEYS; i++) {
        key[i] = (struct str){text[i], 1 + below(i % 10 ? 5 : 40)};
        for (size_t k = 0; k < key[i].n; k++)
            text[i][k] = (char)(letters == 256 ? below(256) : 'a' + below(letters));
    }
}

static size_t longest_key(const struct str *key, struct str s, uint32_t *value)
{
    size_t longest = 0;
    for (uint32_t i = 0; i < N_KEYS; i++)
        if (str_starts(s, key[i]) && key[i].n >= longest) {
            longest = key[i].n;
            *value = i;
        }
    return longest;
}

static void longest_match(void **unused)
{
    (void)unused;
    static const uint32_t letters[] = {1, 2, 3, 26, 256};
    static char text[N_KEYS][40];
    struct str key[N_KEYS];
    for (size_t k = 0; k < 5; k++) {
        struct trie_key keys[N_KEYS];
        struct trie t;
        struct err e = {0};
        random_keys(text, key, letters[k]);
        for (uint32_t i = 0; i < N_KEYS; i++)
            keys[i] = (struct trie_key){key[i], i};
        assert_true(trie_build(&t, keys, N_KEYS, &e));
        for (size_t i = 0; i < 2000; i++) {
            char s[50];
            for (size_t c = 0; c < sizeof s; c++)
                s[c] = (char)(letters[k] == 256 ? below(256) : 'a' + below(letters[k] + 1));
            uint32_t got = 0, want = 0;
            struct str hay = {s, below(sizeof s)};
            assert_int_equal(trie_longest(&t, hay, &got), longest_key(key, hay, &want));
            assert_int_equal(got, want);
        }
        trie_clear(&t);
    }
}

static void empty_trie(void **unused)
{
    (void)unused;
    struct trie t;
    struct err e = {0};
    uint32_t v = 7;
    assert_true(trie_build(&t, NULL, 0, &e));
    assert_int_equal(trie_longest(&t, STR("abc"), &v), 0);
    assert_int_equal(trie_value(&t, 0), TRIE_NONE);
    trie_clear(&t);
}

static void index_finds_the_last(void **unused)
{
    (void)unused;
    static const uint32_t letters[] = {1, 3, 256};
    static char text[N_KEYS][40];
    struct str key[N_KEYS];
    for (size_t k = 0; k < 3; k++) {
        struct token_index x = {.texts = key};
        struct err e = {0};
        random_keys(text, key, letters[k]);
        assert_true(token_index_init(&x, N_KEYS, &e));
        for (uint32_t i = 0; i < N_KEYS; i++)
            token_index_put(&x, i);
        for (uint32_t i = 0; i < N_KEYS; i++) {
            uint32_t got, want = i;
            for (uint32_t j = i + 1; j < N_KEYS; j++)
                want = str_eq(key[j], key[i]) ? j : want;
            assert_true(token_index_get(&x, key[i], &got));
            assert_int_equal(got, want);
        }
        uint32_t got;
        assert_false(
            token_index_get(&x, STR("not there, being far too long to have been made"), &got));
        assert_false(token_index_get(&x, STR(""), &got));
        token_index_clear(&x);
    }
}

/* The alphabet as GPT-2's encoder builds it: printable bytes are themselves, the rest follow. */
static void byte_alphabet(void **unused)
{
    (void)unused;
    uint32_t next = 256;
    char out[8];
    size_t n;
    for (uint32_t byte = 0; byte < 256; byte++) {
        bool own = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
        char c[4];
        size_t len = str_utf8_put(own ? byte : next++, c);
        assert_true(bytemap_decode((struct str){c, len}, out, &n));
        assert_int_equal(n, 1);
        assert_int_equal((unsigned char)out[0], byte);
    }
    assert_int_equal(next, 256 + 68);
    static const char *const outside[] = {
        " ",    "\n",   "a b",  "\u00ad",          "\u0144", "\xe4\xbd\xa0",
        "\xff", "\xc3", "\x7f", "\xf0\x9f\x99\x82"};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        assert_false(bytemap_decode(str_of(outside[i]), (char[64]){0}, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_match),
        cmocka_unit_test(empty_trie),
        cmocka_unit_test(index_finds_the_last),
        cmocka_unit_test(byte_alphabet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
