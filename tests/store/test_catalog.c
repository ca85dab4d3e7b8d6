/* SPDX-License-Identifier: Apache-2.0 */
/* tests/store/test_catalog: reading, searching and changing a catalogue; the built-in one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "store/catalog.h"
#include "store/upstream.h"
#include "test.h"

#define HEX         "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
#define DOC(models) "{\"format\": 1, \"version\": 2, \"name\": \"t\", \"models\": [" models "]}"
#define ONE                                                                                        \
    "{\"name\": \"a:1\", \"aliases\": [\"a:latest\"], \"summary\": \"Code model\", \"sha256\": "   \
    "\"" HEX "\", \"size\": 7, \"licence\": \"MIT\", \"sources\": [\"hf:o/r/f.gguf\"]}"

static const struct catalog_entry *look(const struct catalog *c, const char *text)
{
    struct name name;
    assert_true(name_parse(&name, str_of(text), NULL));
    return catalog_find(c, &name);
}

static void test_reading(void **state)
{
    (void)state;
    struct catalog c;
    struct err e;
    assert_true(
        catalog_parse(&c, STR(DOC(ONE ", {\"name\": \"b:1\", \"sources\": [\"x\"]}")), "t", &e));
    assert_int_equal(c.n, 2);
    assert_int_equal(c.terms.version, 2);
    const struct catalog_entry *m = look(&c, "a:1");
    assert_non_null(m);
    assert_ptr_equal(look(&c, "a"), m); /* an alias, and the tag that goes without saying */
    assert_true(m->has_digest && !m->has_template && !m->tree);
    assert_string_equal(m->digest.hex, HEX);
    assert_int_equal(m->size, 7);
    assert_true(catalog_matches(m, (const char *[]){"CODE", "a:1", "mit"}, 3));
    assert_false(catalog_matches(m, (const char *[]){"code", "b"}, 2));
    assert_true(catalog_check_entry(m, &e));
    assert_false(catalog_check_entry(look(&c, "b:1"), &e)); /* its source is nothing */
    assert_null(look(&c, "c:1"));
    catalog_clear(&c);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err_code code;
    } cases[] = {
        {"[]", ERR_CORRUPT},
        {"{}", ERR_CORRUPT},
        {"{\"format\": 2, \"version\": 1, \"models\": []}", ERR_UNSUPPORTED},
        {"{\"format\": 1, \"models\": []}", ERR_CORRUPT},
        {"{\"format\": 1, \"version\": 1}", ERR_CORRUPT},
        {DOC("1"), ERR_CORRUPT},
        {DOC("{\"name\": \"../x\", \"sources\": [\"hf:o/r/f\"]}"), ERR_CORRUPT},
        {DOC("{\"name\": \"a:1\"}"), ERR_CORRUPT},
        {DOC("{\"name\": \"a:1\", \"sources\": []}"), ERR_CORRUPT},
        {DOC("{\"name\": \"a:1\", \"sources\": [1]}"), ERR_CORRUPT},
        {DOC("{\"name\": \"a:1\", \"sources\": [\"a\\u0000b\"]}"), ERR_USAGE},
        {DOC("{\"name\": \"a:1\", \"sources\": [\"x\"], \"sha256\": \"12\"}"), ERR_CORRUPT},
        {DOC("{\"name\": \"a:1\", \"sources\": [\"x\"], \"sha256\": 12}"), ERR_CORRUPT},
        {DOC("{\"name\": \"a:1\", \"sources\": [\"x\"], \"tree\": \"sha256:" HEX "\"}"),
         ERR_CORRUPT},
        {DOC("{\"name\": \"a:1\", \"sources\": [\"x\"], \"size\": -1}"), ERR_CORRUPT},
        {DOC("{\"name\": \"a:1\", \"sources\": [\"x\"], \"size\": 1e3}"), ERR_CORRUPT},
        {DOC("{\"name\": \"a:1\", \"sources\": [\"x\"], \"context\": 99999999999}"), ERR_CORRUPT},
        {DOC("{\"name\": \"a:1\", \"sources\": [\"x\"], \"summary\": \"\\u001b[2J\"}"),
         ERR_CORRUPT},
        {DOC("{\"name\": \"a:1\", \"sources\": [\"x\"], \"aliases\": [\"b\"]}"), ERR_CORRUPT},
        {DOC(ONE ", " ONE), ERR_CORRUPT},
        {DOC(ONE ", {\"name\": \"a:latest\", \"sources\": [\"x\"]}"), ERR_CORRUPT},
        {DOC("{\"name\": \"a:1\", \"name\": \"b:1\", \"sources\": [\"x\"]}"), ERR_USAGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct catalog c;
        struct err e = {0};
        if (catalog_parse(&c, str_of(cases[i].text), "t", &e))
            fail_msg("taken: %s\n", cases[i].text);
        if (e.code != cases[i].code)
            fail_msg("%s: %s\n", cases[i].text, e.msg);
        assert_null(c.document);
    }
}

static void test_check(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"name\": \"a:1\", \"size\": 1, \"licence\": \"MIT\", \"sources\": "
        "[\"https://me:secret@h/f\"]}",
        "{\"name\": \"a:1\", \"size\": 1, \"licence\": \"MIT\", \"sources\": [\"hf:o\"]}",
        "{\"name\": \"a:1\", \"licence\": \"MIT\", \"sources\": [\"hf:o/r/f\"]}",
        "{\"name\": \"a:1\", \"size\": 1, \"sources\": [\"hf:o/r/f\"]}",
        "{\"name\": \"a:1\", \"size\": 1, \"licence\": \"MIT\", \"sources\": [\"hf:o/r/f\"], "
        "\"tree\": \"" HEX "\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct catalog c;
        struct err e;
        char text[512];
        snprintf(text, sizeof text, DOC("%s"), bad[i]);
        assert_true(catalog_parse(&c, str_of(text), "t", &e));
        if (catalog_check_entry(&c.v[0], &e))
            fail_msg("taken: %s\n", bad[i]);
        assert_null(strstr(e.msg, "secret"));
        catalog_clear(&c);
    }
}

static void test_put(void **state)
{
    (void)state;
    struct err e;
    json_t *j = json_parse(STR(DOC(ONE)), "t", &e);
    assert_true(catalog_put(j, json_pack("{s:s, s:i}", "name", "a:1", "size", 9), &e));
    assert_true(catalog_put(j, json_pack("{s:s}", "name", "b:1"), &e));
    assert_int_equal(json_integer_value(json_object_get(j, "version")), 4);
    assert_int_equal(json_array_size(json_object_get(j, "models")), 2);
    assert_false(catalog_put(j, json_pack("{s:i}", "name", 1), &e));
    json_decref(j);
}

/* What is shipped is what whoever makes a catalogue should sign. */
static void test_built_in(void **state)
{
    (void)state;
    static const char *const promised[] = {
        "deepseek-r1:1.5b", "deepseek-r1:7b", "deepseek-r1:14b", "deepseek-r1:32b",
        "qwen2.5-coder:7b", "qwen3:8b",       "gemma3:4b",       "smollm2:1.7b",
        "deepseek-r1",      "qwen3",          "smollm2:135m",
    };
    struct catalog c;
    struct err e;
    assert_true(catalog_parse_built_in(&c, &e));
    for (size_t i = 0; i < sizeof promised / sizeof *promised; i++)
        assert_non_null(look(&c, promised[i]));
    for (size_t i = 0; i < c.n; i++) {
        const struct catalog_entry *m = &c.v[i];
        if (!catalog_check_entry(m, &e))
            fail_msg("%s\n", e.msg);
        assert_true(m->size && m->memory > m->size && m->context && m->summary[0]);
        assert_true(json_array_size(m->sources) >= 2);
    }
    assert_string_equal(look(&c, "smollm2:135m")->digest.hex, HEX); /* as scripts/fetch-model */
    catalog_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_check),    cmocka_unit_test(test_put),
        cmocka_unit_test(test_built_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
