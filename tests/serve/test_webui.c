/* SPDX-License-Identifier: Apache-2.0 */
/* Which content and packing a browser's headers ask for, and which part of the page a name is. */
#include <string.h>

#include "serve/webui.h"
#include "test.h"

static void expect(const char *header, const char *word, bool takes)
{
    if (webui_takes(str_of(header), word) != takes)
        fail_msg("\"%s\" and %s", header, word);
}

static void test_takes(void **state)
{
    (void)state;
    expect("gzip", "gzip", true);
    expect("GZip", "gzip", true);
    expect("br, gzip", "gzip", true);
    expect("br,gzip;q=0.5,zstd", "gzip", true);
    expect("text/html,application/xhtml+xml,*/*;q=0.8", "text/html", true);
    expect("text/html ; q=1", "text/html", true);
}

static void test_takes_not(void **state)
{
    (void)state;
    expect("", "gzip", false);
    expect(",;q=,,", "gzip", false);
    expect("x-gzip", "gzip", false);
    expect("gzip2", "gzip", false);
    expect("*/*", "text/html", false);
    expect("gzip;q=0", "gzip", false);
    expect("gzip; q=0.000", "gzip", false);
    expect("br;q=1, gzip;q=0", "gzip", false);
    expect("application/json", "text/html", false);
}

static void test_assets(void **state)
{
    (void)state;
    assert_non_null(webui_find(STR("index.html")));
    assert_non_null(webui_find(STR("lib/purify.js")));
    assert_null(webui_find(STR("")));
    assert_null(webui_find(STR("../Makefile")));
    for (size_t i = 0; i < webui_n_assets; i++) {
        const struct webui_asset *a = &webui_assets[i];
        assert_true(a->plain.n > 0 && a->packed.n > 18 && strlen(a->tag) == 16);
        assert_memory_equal(a->packed.p, "\x1f\x8b", 2);
        assert_ptr_equal(webui_find(str_of(a->name)), a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_takes),
                                       cmocka_unit_test(test_takes_not),
                                       cmocka_unit_test(test_assets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
