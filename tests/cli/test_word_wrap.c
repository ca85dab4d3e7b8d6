/* SPDX-License-Identifier: Apache-2.0 */
/* Streamed word wrap, watched on a small terminal of our own: what the screen shows in the end must
 * not depend on how the text came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* cmocka's macro of this name hides base/err's function. */
#undef fail

#include "cli/term.h"
#include "cli/word_wrap.h"

enum { COLUMNS = 21 }; /* 20 are used */

static const struct {
    const char *text, *shown;
} cases[] = {
    {"one two three four five", "one two three four\nfive"},
    {"exactly twenty chars and", "exactly twenty chars\nand"},
    {"a\nb\n\nc", "a\nb\n\nc"},
    {"averyveryverylongwordindeed it is", "averyveryverylongwor\ndindeed it is"},
    {"see averyveryverylongwordindeed", "see\naveryveryverylongwor\ndindeed"},
    {"语言模型在自己的机器上运行，很好。", "语言模型在自己的机器\n上运行，很好。"},
    {"语言模型在自己的机器，很好", "语言模型在自己的机\n器，很好"},
    {"用 moat 在本机运行 smollm2 模型", "用 moat 在本机运行\nsmollm2 模型"},
    {"中文abcdefghijklmnopqr", "中文\nabcdefghijklmnopqr"},
    {"```c\nint main(int argc, char **argv);\n```\nand then some more words",
     "```c\nint main(int argc, char **argv);\n```\nand then some more\nwords"},
    {"`x` is code and this is no fence", "`x` is code and this\nis no fence"},
    {"trailing blanks    \nx", "trailing blanks\nx"},
    {"caf\xc3\xa9 e\xcc\x81 \xf0\x9f\x98\x80\xf0\x9f\x98\x80 and so on and on",
     "caf\xc3\xa9 e\xcc\x81 \xf0\x9f\x98\x80\xf0\x9f\x98\x80 and so\non and on"},
};

/* Cells of the current line as characters; moving back and erasing as word_wrap does it. */
static void play(struct str bytes, struct buf *screen)
{
    for (size_t at = 0; at < bytes.n;) {
        if (bytes.p[at] != '\033') {
            buf_byte(screen, bytes.p[at++]);
            continue;
        }
        char *end;
        unsigned long back = strtoul(bytes.p + at + 2, &end, 10);
        assert_memory_equal(end, "D\033[K", 4);
        at = (size_t)(end - bytes.p) + 4;
        size_t line = screen->n;
        while (line && screen->p[line - 1] != '\n')
            line--;
        struct str s = str_from(buf_view(screen), line);
        size_t cut = s.n;
        while (term_text_width(str_from(s, cut)) < back)
            cut = str_utf8_floor(s.p, cut - 1);
        assert_int_equal(term_text_width(str_from(s, cut)), back);
        screen->n = line + cut;
    }
}

static void trim_lines(struct buf *screen, struct buf *out)
{
    struct str rest = buf_view(screen), line;
    while (str_cut(&rest, '\n', &line)) {
        while (line.n && line.p[line.n - 1] == ' ')
            line.n--;
        buf_str(out, line);
        if (rest.p)
            buf_byte(out, '\n');
    }
}

static void check(size_t i, size_t step)
{
    struct word_wrap w = {0};
    struct buf bytes, screen, shown;
    struct str text = str_of(cases[i].text);
    buf_init(&bytes, 1u << 16);
    buf_init(&screen, 1u << 16);
    buf_init(&shown, 1u << 16);
    for (size_t at = 0; at < text.n;) {
        size_t end = at;
        for (size_t n = 0; n < step && end < text.n; n++)
            str_utf8_next(text, &end);
        word_wrap(&w, str_sub(text, at, end - at), COLUMNS, &bytes);
        at = end;
    }
    play(buf_view(&bytes), &screen);
    trim_lines(&screen, &shown);
    assert_string_equal(buf_c(&shown), cases[i].shown);
    buf_clear(&bytes);
    buf_clear(&screen);
    buf_clear(&shown);
}

static void test_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 40; step++)
            check(i, step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_cut)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
