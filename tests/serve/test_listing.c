/* SPDX-License-Identifier: Apache-2.0 */
/* What Hugging Face says of a repository, and what a mirror makes of it: files that can be
 * verified, and nothing else. */
#include <stdio.h>

#include "base/json.h"
#include "serve/listing.h"
#include "test.h"

#define HEX    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define GOOD   "{\"rfilename\":\"q/f.gguf\",\"lfs\":{\"sha256\":\"" HEX "\",\"size\":7}}"

static bool read_text(struct listing *l, const char *text, struct err *e)
{
    json_t *j = json_parse(str_of(text), "test", e);
    assert_non_null(j);
    *l = (struct listing){0};
    bool ok = listing_read_hf(l, j, e);
    json_decref(j);
    return ok;
}

static void test_files(void **state)
{
    (void)state;
    struct listing l;
    struct err e;
    assert_true(read_text(&l, "{\"sha\":\"" COMMIT "\",\"siblings\":[" GOOD "]}", &e));
    assert_int_equal(l.n, 1);
    assert_string_equal(l.commit, COMMIT);
    const struct listing_file *f = listing_path(&l, "q/f.gguf");
    assert_true(f && f->size == 7 && listing_digest(&l, &f->digest) == f);
    listing_clear(&l);
}

/* Each of these is left out: it has no name, no digest, no size, or is no model. */
static void test_others(void **state)
{
    (void)state;
    struct listing l;
    struct err e;
    static const char *const files[] = {
        "{}",
        "3",
        "null",
        "{\"rfilename\":\"README.md\",\"size\":4}",
        "{\"rfilename\":\"f.gguf\",\"size\":4}",
        "{\"rfilename\":\"f.gguf\",\"lfs\":{\"size\":4}}",
        "{\"rfilename\":\"f.gguf\",\"lfs\":{\"sha256\":\"" HEX "\"}}",
        "{\"rfilename\":\"f.gguf\",\"lfs\":{\"sha256\":\"" HEX "\",\"size\":-1}}",
        "{\"rfilename\":\"f.gguf\",\"lfs\":{\"sha256\":\"../../x\",\"size\":4}}",
        "{\"rfilename\":[\"f.gguf\"],\"lfs\":{\"sha256\":\"" HEX "\",\"size\":4}}",
        "{\"rfilename\":\"f.bin\",\"lfs\":{\"sha256\":\"" HEX "\",\"size\":4}}"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char text[600];
        snprintf(text, sizeof text, "{\"sha\":\"" COMMIT "\",\"siblings\":[%s," GOOD "]}",
                 files[i]);
        if (!read_text(&l, text, &e) || l.n != 1)
            fail_msg("%s: %zu files", files[i], l.n);
        listing_clear(&l);
    }
    assert_true(read_text(&l, "{\"sha\":\"" COMMIT "\"}", &e) && l.n == 0);
    assert_false(read_text(&l, "{\"siblings\":[" GOOD "]}", &e));
    assert_false(read_text(&l, "{\"sha\":\"main\",\"siblings\":[" GOOD "]}", &e));
    assert_false(read_text(&l, "[]", &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files), cmocka_unit_test(test_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
