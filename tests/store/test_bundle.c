/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle_head: paths, and headers that print as they were read. Whole bundles:
 * bundle.test.py. */
#include "store/bundle_head.h"

#include <string.h>

#include "test.h"

static void paths(void **state)
{
    static const char *const good[] = {"moat/bin/moat", "moat/lib/libstdc++.so.6", "docs/a-b_c.md",
                                       "models/sha256-00"};
    static const char *const bad[] = {"",     "/etc/passwd", "a/../b",   "..",     "a//b",
                                      "a/",   "a/.b",        ".a",       "a b",    "a/-rf",
                                      "a\\b", "a\nb",        "\xc3\xa9", "a/b/..", "~/x"};
    char long_one[BUNDLE_PATH + 1];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(bundle_path_valid(str_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(bundle_path_valid(str_of(bad[i])));
    memset(long_one, 'a', BUNDLE_PATH);
    assert_false(bundle_path_valid((struct str){long_one, BUNDLE_PATH}));
    assert_true(bundle_path_valid((struct str){long_one, BUNDLE_PATH - 1}));
}

/* Every byte of a header counts, whatever it becomes. */
static void headers(void **state)
{
    struct bundle_layout l = {.list_bytes = 300,
                              .signature_bytes = 200,
                              .head_bytes = 8192,
                              .program_bytes = 70000000,
                              .payload_bytes = 1ull << 33},
                         back;
    char header[BUNDLE_HEADER];
    struct err e;
    (void)state;
    memset(l.checksum.hex, 'a', DIGEST_HEX);
    bundle_header_print(&l, header);
    assert_true(bundle_header_parse(&back, header, "x", &e));
    assert_memory_equal(&back, &l, sizeof l);
    for (size_t i = 0; i < BUNDLE_HEADER; i++) {
        char was = header[i];
        for (int bit = 0; bit < 8; bit++) {
            header[i] = (char)(was ^ 1 << bit);
            /* another number prints as itself too: sizes and checksum are compared with the rest
             * of the bundle */
            if (bundle_header_parse(&back, header, "x", &e))
                assert_true((was >= '0' && was <= '9') || was == 'a');
        }
        header[i] = was;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(paths), cmocka_unit_test(headers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
