/* SPDX-License-Identifier: Apache-2.0 */
/* tests of text/pretoken: what each kind of splitter does, that nothing is lost, and time. */
#include "text/vocab_file.h"

#include "text/pretoken.h"

/* The pieces of text, each followed by '|'. */
static void split(const char *name, struct str text, struct buf *out)
{
    struct err e = {0};
    struct pretoken *p = pretoken_new(pretoken_find(str_of(name)), &e);
    struct pretoken_walk w;
    struct str piece;
    if (!p)
        fail_msg("%s: %s", name, e.msg);
    assert_true(pretoken_walk_init(&w, p, text, &e));
    const char *at = text.p;
    while (pretoken_next(&w, &piece, &e)) {
        assert_true(piece.n > 0 && piece.p == at); /* in order, without gaps */
        at += piece.n;
        buf_str(out, piece);
        buf_byte(out, '|');
    }
    assert_false(w.failed);
    assert_ptr_equal(at, text.p + text.n);
    pretoken_walk_clear(&w);
    pretoken_free(p);
}

static void known_splits(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *pieces;
    } rows[] = {
        {"gpt-2", "I'm here,  don't you  ", "I|'m| here|,| | don|'t| you|  |"},
        {"gpt-2", "a  1", "a| | 1|"},
        {"gpt-2", "I'M 12345 x\n\n y", "I|'|M| 12345| x|\n\n| y|"},
        {"starcoder", "a  12 b", "a|  |1|2| b|"},
        {"smollm", "x1  2\n 3", "x|1|  |2|\n |3|"},
        {"llama-bpe", "I'M 12345 x\n\n y", "I|'M| |123|45| x|\n\n| y|"},
        {"llama-bpe", "(foo) !!\n\nx", "(foo|)| !!\n\n|x|"},
        {"qwen2", "12  a", "1|2| | a|"},
        {"qwen35", "e\u0301te\u0301 \u0301x", "e\u0301te\u0301| \u0301x|"},
        {"qwen2", "e\u0301te", "e|\u0301te|"},
        {"deepseek-llm", "Hi 你好 12\n", "Hi| |你好| |12|\n|"},
        {"deepseek-llm", "a  \n  b", "a|  |\n| | b|"},
        {"deepseek-coder", "ab 12!  ", "ab| |1|2|!|  |"},
        {"deepseek-v3", "1234你好$x ab", "123|4|你好|$x| ab|"},
        {"falcon", "a1234 b!", "a|123|4| b|!|"},
        {"default", "a1234 b!", "a|123|4| b|!|"},
        {"bloom", "ab cd, ef", "ab| cd|,| ef|"},
        {"viking", "ab 12", "ab| |1|2|"},
        {"gpt-4o", "HelloWorld'S HTTPServer ab12/\n", "Hello|World'S| HTTPServer| ab|12|/\n|"},
        {"tekken", "helloWORLD don't", "hello|WORLD| don|'t|"},
        {"tiny_aya", "12345 x", "12|345| x|"},
        {"superbpe", "ab 1234567 cd", "ab |1|234|567| cd|"},
        {"superbpe", "12a345b6", "12|a|345|b|6|"},
        {"afmoe", "12345", "12|345|"},
        {"kimi-k2", "你好Hello世界don'T", "你好|Hello|世界|don'T|"},
        {"exaone-moe", "one two  three", "one two| | three|"},
        {"chameleon", "<sentinel:12>IMGIMGABZ x\t1", "<|sentinel|:|1|2|>|IMGIMGABZ| x|\t|1|"},
        {"gemma4", "ab\u2581cd\n\nx", "ab\u2581cd|\n\n|x|"},
        {"laguna", "ab\n cd", "ab|\n| cd|"},
        {"jais-2", "a   b", "a|  | b|"},
        {"bailingmoe", "\n\n a!\n", "\n\n| a|!\n|"},
        {"seed-coder", "a!\nb", "a|!|\n|b|"},
        {"minicpm5", "a1234", "a|123|4|"},
        {"youtu", "안녕 Hi！12", "안녕| Hi|！|1|2|"},
        {"spark2_5", "1234!\n\nx", "1|2|3|4|!|\n|\n|x|"},
        {"whitespace", "ab  cd", "ab|  |cd|"},
        {"ufakzeka", "Ali'nin 12", "Ali|'nin| |1|2|"},
        {"granite-embed-multi-97m", "e\u0301Te", "e\u0301|Te|"},
        {"gpt-2", "a\xff\xfe b\xf0\x9f", "a|\xff\xfe| b|\xf0\x9f|"},
        {"gpt-2", "a\U00031350b \U0001fae8", "a\U00031350b| \U0001fae8|"},
        {"deepseek-v3", "a\U00031350b \U0001fae8!", "a\U00031350b| \U0001fae8!|"},
        {"gpt-2", "\u180e \u3000x", "\u180e| |\u3000|x|"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out;
        buf_init(&out, 1 << 16);
        split(rows[i].name, str_of(rows[i].text), &out);
        if (strcmp(buf_c(&out), rows[i].pieces) != 0)
            fail_msg("%s: \"%s\" gave %s, not %s", rows[i].name, rows[i].text, buf_c(&out),
                     rows[i].pieces);
        buf_clear(&out);
    }
}

/* split() itself checks that the pieces are the text. */
static void nothing_is_lost(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (size_t i = 0; pretoken_at(i); i++)
        for (size_t round = 0; round < 20; round++) {
            struct buf text, out;
            buf_init(&text, 1 << 16);
            buf_init(&out, 1 << 17);
            random_text(&text, &seed, 100);
            for (size_t k = 0; k < round % 4; k++) /* damage it */
                text.p[next_random(&seed) % text.n] = (char)(next_random(&seed) & 0xff);
            split(pretoken_at(i)->name, buf_view(&text), &out);
            buf_clear(&text);
            buf_clear(&out);
        }
}

static void names_are_found(void **state)
{
    (void)state;
    size_t n = 0;
    for (; pretoken_at(n); n++)
        assert_ptr_equal(pretoken_find(str_of(pretoken_at(n)->name)), pretoken_at(n));
    assert_true(n > 90);
    assert_null(pretoken_find(STR("gpt-5")));
    assert_null(pretoken_find(STR("")));
}

/* No text makes a splitter slow: 128 KiB of each in well under a second. */
static void no_text_is_slow(void **state)
{
    (void)state;
    static const char *const units[] = {"a", " ", "\n", "1",  "世", "A",    "aB",   "  x",
                                        "!", "é", "' ", "\r", "🙂", "a b ", "\xff", "<sentinel:1"};
    for (size_t i = 0; pretoken_at(i); i++) {
        const char *const *first = pretoken_at(i)->split;
        if (i && first == pretoken_at(i - 1)->split)
            continue;
        for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
            struct buf text, out;
            buf_init(&text, 1 << 20);
            buf_init(&out, 1 << 20);
            while (text.n < 1 << 17)
                buf_cstr(&text, units[u]);
            buf_byte(&text, 'x');
            uint64_t start = os_now_ns();
            split(pretoken_at(i)->name, buf_view(&text), &out);
            double s = seconds_since(start);
            if (s > 0.5)
                fail_msg("%s: 128 KiB of \"%s\" took %.2f s", pretoken_at(i)->name, units[u], s);
            buf_clear(&text);
            buf_clear(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_splits),
        cmocka_unit_test(nothing_is_lost),
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(no_text_is_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
