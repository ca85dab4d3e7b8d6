/* SPDX-License-Identifier: Apache-2.0 */
/* tests of base/json: what is refused, where the error says it is, depth, writing. */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "test.h"

static void good_documents(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        "1",
        "\"x\"",
        "null",
        " {\"a\": [1, 2.5, true, null, \"\\u00e9\"]}\n",
        "\"[[[[{{{{\\\"[[[[\"",
    };
    struct err e;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_t *j = json_parse(str_of(texts[i]), "here", &e);
        assert_non_null(j);
        json_decref(j);
    }
}

static void bad_documents(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *words;
    } rows[] = {
        {{"", 0}, "here: not valid JSON"},
        {{NULL, 0}, "here: not valid JSON"},
        {{"{", 1}, "line 1"},
        {{"{} x", 4}, "line 1"},
        {{"{}{}", 4}, "line 1"},
        {{"\n\n[1,]", 6}, "line 3, column 4"},
        {{"{\"a\":1,\"a\":2}", 13}, "column 8: this key is a duplicate"},
        {{"{'a':1}", 7}, "double quotes"},
        {{"{\"a\" 1}", 7}, "a : is expected"},
        {{"{\"a\":1 \"b\":2}", 13}, "a , or }"},
        {{"[1 2]", 5}, "a , or ]"},
        {{"[1}", 3}, "a , or ]"},
        {{"{\"a\":1,}", 8}, "a key"},
        {{"{\"a\":}", 6}, "a value is expected"},
        {{"\"\xff\"", 3}, "UTF-8"},
        {{"\"\xed\xa0\x80\"", 5}, "UTF-8"},
        {{"\"\xc0\x80\"", 4}, "UTF-8"},
        {{"\xc3\xa9", 2}, "a value is expected"},
        {{"\"a\0b\"", 5}, "control"},
        {{"\"a\nb\"", 5}, "control"},
        {{"1e999", 5}, "too large"},
        {{"01", 2}, "ends before"},
        {{"-", 1}, "a digit"},
        {{"+1", 2}, "a value"},
        {{".5", 2}, "a value"},
        {{"1.", 2}, "a digit"},
        {{"1e+", 3}, "a digit"},
        {{"NaN", 3}, "a value"},
        {{"tru", 3}, "a value"},
        {{"nulls", 5}, "ends before"},
        {{"99999999999999999999", 20}, "64 bits"},
        {{"9223372036854775808", 19}, "64 bits"},
        {{"-9223372036854775809", 20}, "64 bits"},
        {{"\"\\ud800\"", 8}, "surrogate"},
        {{"\"\\udc00\"", 8}, "surrogate"},
        {{"\"\\ud800\\u0041\"", 14}, "surrogate"},
        {{"\"\\u0000\"", 8}, "u0000"},
        {{"\"\\u00g0\"", 8}, "hexadecimal"},
        {{"\"\\x41\"", 6}, "escape"},
        {{"\"\\\0\"", 4}, "escape"},
        {{"\"abc", 4}, "line 1, column 5: a text has no end"},
        {{"\"abc\\", 5}, "escape"},
        {{"[\"\xc3\xa9\xc3\xa9\", x]", 10}, "column 8"}, /* of characters */
        {{"[1] // no", 9}, "line 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {0};
        json_t *j = json_parse(rows[i].text, "here", &e);
        assert_null(j);
        assert_int_equal(e.code, ERR_USAGE);
        if (!strstr(e.msg, rows[i].words))
            fail_msg("%s\n", e.msg);
    }
}

static void what_is_read(void **state)
{
    (void)state;
    struct err e = {0};
    static const char text[] =
        " {\"a\\n\\u00e9\\ud83d\\ude00\" : [-9223372036854775808, 9223372036854775807,"
        "-0, 0.1, 1E2, -1.5e-3, \"\", \"\xe2\x82\xac\", true, false, null], \"\": {}, "
        "\"k\\t\": {\"l\\t\": \"m\\\\\"} } ";
    json_t *ours = json_parse(str_of(text), "here", &e);
    json_t *theirs = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(ours);
    assert_non_null(theirs);
    assert_true(json_equal(ours, theirs));
    assert_int_equal(json_array_size(json_object_get(ours, "a\n\xc3\xa9\xf0\x9f\x98\x80")), 11);
    json_decref(ours);
    json_decref(theirs);
    ours = json_parse_loose(STR("{\"a\": 1, \"a\": 2}"), "here", &e);
    assert_int_equal(json_integer_value(json_object_get(ours, "a")), 2);
    json_decref(ours);
}

static json_t *nested(size_t depth, char open, char close, struct err *e)
{
    struct buf b;
    buf_init(&b, 1 << 22);
    for (size_t i = 0; i < depth; i++) {
        buf_byte(&b, open);
        if (open == '{' && i + 1 < depth)
            buf_cstr(&b, "\"k\":");
    }
    for (size_t i = 0; i < depth; i++)
        buf_byte(&b, close);
    json_t *j = json_parse(buf_view(&b), "here", e);
    buf_clear(&b);
    return j;
}

static void depth_is_limited(void **state)
{
    (void)state;
    struct err e;
    json_t *j = nested(LIMIT_JSON_DEPTH, '[', ']', &e);
    assert_non_null(j);
    json_decref(j);
    j = nested(LIMIT_JSON_DEPTH, '{', '}', &e);
    assert_non_null(j);
    json_decref(j);
    assert_null(nested(LIMIT_JSON_DEPTH + 1, '[', ']', &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_null(nested(LIMIT_JSON_DEPTH + 1, '{', '}', &e));
    assert_null(nested(1000000, '[', ']', &e));
    assert_int_equal(e.code, ERR_LIMIT);
    /* Brackets that close too often must not buy more depth. */
    assert_null(json_parse(STR("]]]]]]]]"), "here", &e));
    assert_int_equal(e.code, ERR_USAGE);
}

static void files_and_their_limit(void **state)
{
    (void)state;
    struct err e;
    char path[] = "/tmp/moat-test-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "{\"a\": 7}", 8), 8);
    close(fd);
    json_t *j = json_read_file(path, 8, &e);
    assert_non_null(j);
    assert_int_equal(json_integer_value(json_object_get(j, "a")), 7);
    json_decref(j);
    assert_null(json_read_file(path, 7, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    unlink(path);
    assert_null(json_read_file(path, 8, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void writing(void **state)
{
    (void)state;
    struct err e;
    struct buf b;
    json_t *j = json_parse(STR("{\"b\": [1, \"\xc3\xa9\"], \"a\": null}"), "here", &e);
    buf_init(&b, 100);
    assert_true(json_write(j, JSON_COMPACT | JSON_PRESERVE_ORDER, &b, &e));
    assert_string_equal(buf_c(&b), "{\"b\":[1,\"\xc3\xa9\"],\"a\":null}");
    buf_clear(&b);
    buf_init(&b, 10);
    assert_false(json_write(j, JSON_COMPACT, &b, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    buf_clear(&b);
    json_decref(j);
}

/* Each costs a hundred bytes of memory: their number has a limit of its own. */
static void test_values(void **state)
{
    (void)state;
    struct err e = {0};
    struct buf text;
    buf_init(&text, 5 * (LIMIT_JSON_VALUES + 16u));
    buf_byte(&text, '[');
    for (uint32_t i = 0; i < LIMIT_JSON_VALUES; i++)
        buf_cstr(&text, "null,");
    assert_null(json_parse(buf_view(&text), "t", &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_non_null(strstr(e.msg, "values"));
    buf_clear(&text);
}

static void whole_files(void **state)
{
    (void)state;
    char dir[] = "/tmp/moat-json-XXXXXX", path[64];
    struct stat st;
    struct err e;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/file", dir);
    json_t *j = json_pack("{s:i}", "a", 1);
    assert_true(json_write_file(j, path, 64, 0600, &e));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    json_t *back = json_read_file(path, 64, &e);
    assert_true(json_equal(j, back));
    json_decref(back);
    assert_false(json_write_file(j, path, 4, 0600, &e)); /* and what was there stays */
    assert_int_equal(e.code, ERR_LIMIT);
    assert_false(json_write_file(NULL, path, 64, 0600, &e));
    back = json_read_file(path, 64, &e);
    assert_true(json_equal(j, back));
    json_decref(back);
    json_decref(j);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_documents),        cmocka_unit_test(bad_documents),
        cmocka_unit_test(what_is_read),          cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(files_and_their_limit), cmocka_unit_test(writing),
        cmocka_unit_test(test_values),           cmocka_unit_test(whole_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
