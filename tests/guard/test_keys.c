/* SPDX-License-Identifier: Apache-2.0 */
/* API keys: their text, what is stored of it, what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "guard/keys.h"
#include "test.h"

static void test_match(void **state)
{
    (void)state;
    struct keys k = {0};
    struct key gone;
    struct err e;
    char a[KEY_TEXT + 1], b[KEY_TEXT + 1];
    assert_true(keys_add(&k, STR("anna"), false, a, &e));
    assert_true(keys_add(&k, STR("team b"), false, b, &e));
    assert_int_equal(strlen(a), KEY_TEXT);
    assert_int_equal(strncmp(a, "moat_", 5), 0);
    assert_string_not_equal(a, b);
    assert_string_equal(keys_match(&k, str_of(a))->name, "anna");
    assert_string_equal(keys_match(&k, str_of(b))->name, "team b");
    for (size_t i = 0; i < KEY_TEXT; i++) { /* no other text is a key */
        char other[KEY_TEXT + 1];
        memcpy(other, a, sizeof other);
        other[i] = other[i] == 'x' ? 'y' : 'x';
        assert_null(keys_match(&k, str_of(other)));
        assert_null(keys_match(&k, str_sub(str_of(a), 0, i)));
    }
    assert_null(keys_match(&k, STR("")));
    char longer[KEY_TEXT + 2];
    snprintf(longer, sizeof longer, "%s0", a);
    assert_null(keys_match(&k, str_of(longer)));
    assert_true(keys_remove(&k, STR("anna"), &gone, &e));
    assert_null(keys_match(&k, str_of(a)));
    assert_non_null(keys_match(&k, str_of(b)));
    assert_false(keys_remove(&k, STR("anna"), &gone, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_true(keys_remove(&k, str_of(k.v[0].id), &gone, &e));
    assert_string_equal(gone.name, "team b");
    keys_clear(&k);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "a\nb", "\x1b[31m", "\xff",
        "0123456789012345678901234567890123456789012345678901234567890123"};
    struct keys k = {0};
    struct err e;
    char text[KEY_TEXT + 1];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(keys_add(&k, str_of(bad[i]), false, text, &e));
    assert_false(keys_add(&k, (struct str){"a\0b", 3}, false, text, &e));
    assert_true(keys_add(&k, STR("a"), false, text, &e));
    assert_false(keys_add(&k, STR("a"), false, text, &e));
    assert_int_equal(e.code, ERR_USAGE);
    assert_int_equal(k.n, 1);
    keys_clear(&k);
}

static void test_file(void **state)
{
    (void)state;
    struct keys k = {0}, back = {0};
    struct err e;
    struct stat st;
    struct buf text;
    char folder[] = "/tmp/moat-keys-XXXXXX", path[64], key[KEY_TEXT + 1];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/keys.json", folder);
    assert_true(keys_read(&back, path, &e)); /* absent: none */
    assert_int_equal(back.n, 0);
    assert_true(keys_add(&k, STR("anna"), false, key, &e));
    assert_true(keys_write(&k, path, &e));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    buf_init(&text, 1u << 16);
    assert_true(buf_read_file(&text, path, &e));
    assert_int_equal(str_find(buf_view(&text), (struct str){key + 14, 43}), SIZE_MAX);
    buf_clear(&text);
    assert_true(keys_read(&back, path, &e));
    assert_string_equal(keys_match(&back, str_of(key))->name, "anna");
    keys_clear(&back);
    assert_int_equal(chmod(path, 0666), 0); /* who knows whose keys these are now */
    assert_false(keys_read(&back, path, &e));
    assert_int_equal(e.code, ERR_DENIED);
    unlink(path);
    rmdir(folder);
    keys_clear(&k);
}

#define ID   "\"id\":\"ABCDEFGH\""
#define NAME "\"name\":\"a\""
#define HASH "\"sha256\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""

static void test_spoilt(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[1]}",
        "{\"keys\":[{" ID "," NAME "}]}",
        "{\"keys\":[{" ID "," HASH "}]}",
        "{\"keys\":[{" NAME "," HASH "}]}",
        "{\"keys\":[{" ID ",\"name\":\"\"," HASH "}]}",
        "{\"keys\":[{\"id\":\"ABCDEFG\"," NAME "," HASH "}]}",
        "{\"keys\":[{\"id\":\"ABCDEFG/\"," NAME "," HASH "}]}",
        "{\"keys\":[{" ID "," NAME ",\"sha256\":\"00\"}]}",
        "{\"keys\":[{" ID "," NAME "," HASH "},{" ID ",\"name\":\"b\"," HASH "}]}",
        "{\"keys\":[{" ID "," NAME "," HASH "},{\"id\":\"BBBBBBBB\"," NAME "," HASH "}]}",
    };
    struct keys k = {0};
    struct err e;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_t *j = json_parse(str_of(texts[i]), "test", &e);
        assert_non_null(j);
        if (keys_from_json(&k, j, &e) || e.code != ERR_CORRUPT)
            fail_msg("%s", texts[i]);
        assert_int_equal(k.n, 0);
        json_decref(j);
    }
    json_t *j = json_parse(STR("{\"keys\":[{" ID "," NAME "," HASH "}]}"), "test", &e);
    assert_true(keys_from_json(&k, j, &e));
    assert_int_equal(k.v[0].hash.b[1], 0x23);
    json_decref(j);
    keys_clear(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_spoilt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
