/* SPDX-License-Identifier: Apache-2.0 */
/* API keys: their text, what is stored of it, what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "guard/key_usage.h"
#include "test.h"

static const struct key_terms usual = {.scopes = KEY_USUAL};

static void test_match(void **state)
{
    (void)state;
    struct keys k = {0};
    struct key gone;
    struct err e;
    char a[KEY_TEXT + 1], b[KEY_TEXT + 1];
    assert_true(keys_add(&k, STR("anna"), &usual, a, &e));
    assert_true(keys_add(&k, STR("team b"), &usual, b, &e));
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
        assert_false(keys_add(&k, str_of(bad[i]), &usual, text, &e));
    assert_false(keys_add(&k, (struct str){"a\0b", 3}, &usual, text, &e));
    assert_true(keys_add(&k, STR("a"), &usual, text, &e));
    assert_false(keys_add(&k, STR("a"), &usual, text, &e));
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
    assert_true(keys_add(&k, STR("anna"), &usual, key, &e));
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
        "{\"keys\":[{" ID "," NAME "," HASH ",\"only_on\":\"monday\"}]}",
        "{\"keys\":[{" ID "," NAME "," HASH ",\"role\":\"god\"}]}",
        "{\"keys\":[{" ID "," NAME "," HASH ",\"scopes\":[]}]}",
        "{\"keys\":[{" ID "," NAME "," HASH ",\"scopes\":[\"all\"]}]}",
        "{\"keys\":[{" ID "," NAME "," HASH ",\"models\":[]}]}",
        "{\"keys\":[{" ID "," NAME "," HASH ",\"models\":[1]}]}",
        "{\"keys\":[{" ID "," NAME "," HASH ",\"expires\":\"never\"}]}",
        "{\"keys\":[{" ID "," NAME "," HASH ",\"expires\":-1}]}",
        "{\"keys\":[{" ID "," NAME "," HASH ",\"concurrent\":0}]}",
        "{\"keys\":[{" ID "," NAME "," HASH ",\"tokens_per_minute\":4294967296}]}",
        "{\"keys\":[{" ID "," NAME "," HASH ",\"requests_per_minute\":1.5}]}",
        "{\"keys\":[{" ID "," NAME "," HASH ",\"tenant\":\"\"}]}",
        "{\"keys\":[{" ID "," NAME "," HASH ",\"subject\":\"a\\nb\"}]}",
        "{\"keys\":[{" ID "," NAME ",\"subject\":\"CN=a\"},"
        "{\"id\":\"BBBBBBBB\",\"name\":\"b\",\"subject\":\"CN=a\"}]}",
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

static void parse(struct keys *k, const char *text)
{
    struct err e;
    json_t *j = json_parse(str_of(text), "test", &e);
    assert_true(j && keys_from_json(k, j, &e));
    json_decref(j);
}

/* Files from before there were scopes. */
static void test_old(void **state)
{
    (void)state;
    struct keys k = {0};
    parse(&k, "{\"keys\":[{" ID "," NAME "," HASH ",\"created\":5,\"role\":\"operator\"}]}");
    assert_int_equal(k.v[0].terms.scopes, KEY_USUAL | KEY_OPERATOR);
    assert_true(keys_have_operator(&k));
    keys_clear(&k);
    parse(&k, "{\"keys\":[{" ID "," NAME "," HASH "}]}");
    assert_int_equal(k.v[0].terms.scopes, KEY_USUAL);
    assert_false(keys_have_operator(&k));
    keys_clear(&k);
}

/* All that can be said of a key, there and back. */
static void test_terms(void **state)
{
    (void)state;
    struct keys k = {0}, back = {0};
    struct err e;
    char text[KEY_TEXT + 1];
    struct key_terms t = {.scopes = KEY_METRICS | KEY_INFERENCE,
                          .expires = 2000000000,
                          .requests = 60,
                          .tokens = 4000000000u,
                          .concurrent = 2,
                          .tenant = "lab",
                          .subject = "CN=robot,O=Lab"};
    assert_true(key_model_add(&t, STR("smollm2:135m"), &e) && key_model_add(&t, STR("a"), &e));
    assert_true(keys_add(&k, STR("robot"), &t, text, &e));
    assert_string_equal(text, ""); /* its certificate is the key */
    json_t *j = keys_to_json(&k);
    assert_true(keys_from_json(&back, j, &e));
    json_decref(j);
    assert_memory_equal(&back.v[0].terms, &k.v[0].terms, sizeof t);
    assert_false(back.v[0].has_text);
    assert_string_equal(keys_by_subject(&back, STR("CN=robot,O=Lab"))->name, "robot");
    assert_null(keys_by_subject(&back, STR("CN=robot")));
    assert_null(keys_by_subject(&back, STR("")));
    assert_false(keys_add(&k, STR("another"), &t, text, &e)); /* of one subject there is one */
    assert_false(key_expired(&back.v[0], 1999999999));
    assert_true(key_expired(&back.v[0], 2000000000));
    assert_int_equal(keys_valid(&back, 2000000000), 0);
    while (t.n_models < KEY_MODELS)
        assert_true(key_model_add(&t, STR("b"), &e));
    assert_false(key_model_add(&t, STR("b"), &e));
    assert_false(keys_add(&k, STR("c"), &(struct key_terms){.tenant = "x"}, text, &e));
    keys_clear(&back);
    keys_clear(&k);
}

static void test_expiry(void **state)
{
    (void)state;
    enum { NOW = 1790000000 }; /* 2026-09-21T14:13:20Z */
    static const struct {
        const char *text;
        int64_t at; /* 0: refused */
    } all[] = {{"90d", NOW + 90 * 86400},
               {"12h", NOW + 12 * 3600},
               {"30m", NOW + 1800},
               {"1s", NOW + 1},
               {"2027-01-01", 1798761600},
               {"2028-02-29T23:59:59Z", 1835481599},
               {"2026-09-21T14:13:21Z", NOW + 1},
               {"2026-09-21T14:13:20Z", 0}, /* is now */
               {"2026-01-01", 0},
               {"2027-02-29", 0},
               {"2027-13-01", 0},
               {"2027-00-01", 0},
               {"2027-1-1", 0},
               {"2027-01-01 12:00:00", 0},
               {"2027-01-01T24:00:00Z", 0},
               {"0d", 0},
               {"d", 0},
               {"", 0},
               {"-1d", 0},
               {"1w", 0},
               {"99999999999999999999d", 0},
               {"9223372036854775807s", 0},
               {"never", 0}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct err e;
        int64_t at = 0;
        bool ok = key_expiry(str_of(all[i].text), NOW, &at, &e);
        if (ok != (all[i].at != 0) || (ok && at != all[i].at))
            fail_msg("%s: %lld", all[i].text, (long long)at);
    }
}

/* What two servers add to one file; what becomes of one that is spoilt. */
static void test_usage(void **state)
{
    (void)state;
    struct keys k = {0};
    struct key_usages a = {0}, b = {0}, back = {0};
    struct err e;
    char folder[] = "/tmp/moat-usage-XXXXXX", path[64], other[80], text[KEY_TEXT + 1];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key_usage.json", folder);
    snprintf(other, sizeof other, "%s.bad", path);
    assert_true(keys_add(&k, STR("anna"), &usual, text, &e));
    assert_true(key_usages_read(&back, path, &e) && back.n == 0);
    *key_usages_row(&a, k.v[0].id) = (struct key_usage){"", 7, 1, 2, 3, 4};
    memcpy(a.v[0].id, k.v[0].id, KEY_ID + 1);
    assert_non_null(key_usages_row(&a, "GONEGONE"));
    assert_null(key_usages_row(&a, "../../.."));
    *key_usages_row(&b, k.v[0].id) = a.v[0];
    b.v[0].last_use = 5;
    assert_true(key_usages_add(&a, &k, path, &e) && key_usages_add(&b, &k, path, &e));
    assert_true(key_usages_read(&back, path, &e));
    assert_int_equal(back.n, 1); /* a key that is gone has no row */
    assert_int_equal(back.v[0].last_use, 7);
    assert_int_equal(back.v[0].requests, 2);
    assert_int_equal(back.v[0].completion_tokens, 8);
    key_usages_clear(&back);
    FILE *f = fopen(path, "w");
    assert_true(f && fputs("{\"keys\": [", f) > 0 && fclose(f) == 0);
    assert_false(key_usages_read(&back, path, &e));
    assert_true(key_usages_add(&b, &k, path, &e));
    assert_true(key_usages_read(&back, path, &e) && back.n == 1);
    assert_int_equal(access(other, F_OK), 0);
    unlink(other);
    unlink(path);
    rmdir(folder);
    key_usages_clear(&a);
    key_usages_clear(&b);
    key_usages_clear(&back);
    keys_clear(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),  cmocka_unit_test(test_names), cmocka_unit_test(test_file),
        cmocka_unit_test(test_spoilt), cmocka_unit_test(test_old),   cmocka_unit_test(test_terms),
        cmocka_unit_test(test_expiry), cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
