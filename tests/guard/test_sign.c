/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures: made here, checked here and by OpenSSL; what was changed, signed by others, signed as
 * something else, expired or put back is refused. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "guard/sign.h"
#include "test.h"

static char dir[64];

static const char *in_dir(char out[128], const char *file)
{
    snprintf(out, 128, "%s/%s", dir, file);
    return out;
}

static void write_file(const char *path, const char *text, unsigned mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int start(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/moat-sign-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

/* RFC 8032 section 7.1, test 1. */
static void test_rfc8032(void **state)
{
    (void)state;
    static const uint8_t public[SIGN_PUBLIC] = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7,
                                                0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
                                                0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25,
                                                0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
    char path[128];
    struct sign_secret s;
    struct err e;
    write_file(in_dir(path, "rfc"),
               "ed25519-secret:nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A= test 1\n", 0600);
    assert_true(sign_secret_read(&s, path, &e));
    assert_memory_equal(s.key.b, public, sizeof public);
    assert_string_equal(s.key.name, "test 1");
}

static void test_openssl_agrees(void **state)
{
    (void)state;
    struct sign_secret s;
    struct sign_set set = {0};
    struct err e;
    char text[512];
    assert_true(sign_secret_make(&s, STR("a"), &e));
    assert_true(sign_add(&set, &s, SIGN_CATALOG, STR("hello\n"), &e));
    int n = snprintf(text, sizeof text, "DSSEv1 33 %s 6 hello\n", SIGN_CATALOG);
    assert_int_equal(strlen(SIGN_CATALOG), 33);
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, s.key.b, SIGN_PUBLIC);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(c, NULL, NULL, NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(c, set.v[0].b, SIGN_BYTES, (unsigned char *)text, (size_t)n),
                     1);
    text[n - 1] ^= 1;
    assert_int_not_equal(
        EVP_DigestVerify(c, set.v[0].b, SIGN_BYTES, (unsigned char *)text, (size_t)n), 1);
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);
}

static void test_check(void **state)
{
    (void)state;
    struct sign_secret a, b, c;
    struct sign_set set = {0};
    struct err e;
    char body[] = "{\"version\": 1}";
    assert_true(sign_secret_make(&a, STR("anna"), &e) && sign_secret_make(&b, STR("bert"), &e) &&
                sign_secret_make(&c, STR(""), &e));
    struct sign_key keys[] = {a.key, b.key, a.key};
    struct sign_trust one = {keys, 2, 1}, two = {keys, 2, 2}, twice = {keys, 3, 2};
    assert_true(sign_add(&set, &c, SIGN_CATALOG, str_of(body), &e));
    assert_false(sign_check(&set, SIGN_CATALOG, str_of(body), &one, &e));
    assert_int_equal(e.code, ERR_DENIED);
    assert_non_null(strstr(e.msg, "anna"));
    assert_non_null(strstr(e.msg, c.key.id));
    assert_true(sign_add(&set, &a, SIGN_CATALOG, str_of(body), &e));
    assert_true(sign_check(&set, SIGN_CATALOG, str_of(body), &one, &e));
    assert_false(sign_check(&set, SIGN_CATALOG, str_of(body), &two, &e));
    assert_false(sign_check(&set, SIGN_CATALOG, str_of(body), &twice, &e)); /* anna, two times */
    assert_false(sign_check(&set, SIGN_POLICY, str_of(body), &one, &e));
    assert_true(sign_add(&set, &b, SIGN_CATALOG, str_of(body), &e));
    assert_true(sign_check(&set, SIGN_CATALOG, str_of(body), &two, &e));
    struct sign_trust nobody = {NULL, 0, 0};
    assert_false(sign_check(&set, SIGN_CATALOG, str_of(body), &nobody, &e));
    for (size_t bit = 0; bit < 8 * strlen(body); bit++) { /* every bit counts */
        body[bit / 8] ^= (char)(1 << bit % 8);
        assert_false(sign_check(&set, SIGN_CATALOG, str_of(body), &one, &e));
        body[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * SIGN_BYTES; bit++) {
        set.v[1].b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(sign_check(&set, SIGN_CATALOG, str_of(body), &one, &e));
        set.v[1].b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    strcpy(set.type, SIGN_POLICY); /* the word alone changes nothing */
    assert_false(sign_check(&set, SIGN_POLICY, str_of(body), &one, &e));
}

static void test_keys(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "ed25519:",
        "ed25519:AAAA",
        "ed25519-secret:nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=",
        "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", /* of small order */
        "ed25519:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=x",
        "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= a\nb"};
    struct sign_secret s, t;
    struct sign_key k;
    struct err e;
    char path[128], public[160], text[SIGN_TEXT];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sign_key_parse(&k, str_of(bad[i]), &e));
    assert_true(sign_key_parse(
        &k, STR("ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= \x1b[1m\n"), &e));
    assert_string_equal(k.name, "?[1m");
    assert_true(sign_secret_make(&s, STR("site key"), &e));
    assert_true(sign_secret_write(&s, in_dir(path, "key"), &e));
    assert_false(sign_secret_write(&s, path, &e));
    assert_true(sign_secret_read(&t, path, &e));
    assert_memory_equal(&s, &t, sizeof s);
    snprintf(public, sizeof public, "%s.pub", path);
    assert_true(sign_key_given(&k, public, &e));
    assert_memory_equal(&k, &s.key, sizeof k);
    sign_key_text(&k, text);
    assert_true(sign_key_given(&k, text, &e));
    assert_memory_equal(&k, &s.key, sizeof k);
    assert_false(sign_key_given(&k, path, &e)); /* the secret one is not taken for it */
    assert_int_equal(chmod(path, 0640), 0);
    assert_false(sign_secret_read(&t, path, &e));
    assert_int_equal(e.code, ERR_DENIED);
}

static void test_files(void **state)
{
    (void)state;
    struct sign_secret a, b;
    struct buf body;
    struct err e;
    char path[128], sig[160];
    assert_true(sign_secret_make(&a, STR("a"), &e) && sign_secret_make(&b, STR("b"), &e));
    struct sign_key keys[] = {a.key, b.key};
    struct sign_trust both = {keys, 2, 2}, one = {keys, 2, 1};
    write_file(in_dir(path, "doc.json"), "{}", 0644);
    assert_false(sign_open(path, SIGN_CATALOG, 4096, &one, &body, &e)); /* no signatures */
    buf_clear(&body);
    assert_true(sign_file(path, SIGN_CATALOG, 4096, &a, &e));
    assert_true(sign_file(path, SIGN_CATALOG, 4096, &b, &e));
    assert_true(sign_file(path, SIGN_CATALOG, 4096, &a, &e));
    assert_true(sign_open(path, SIGN_CATALOG, 4096, &both, &body, &e));
    assert_string_equal(buf_c(&body), "{}");
    buf_clear(&body);
    write_file(path, "{ }", 0644); /* b has not seen this one */
    assert_false(sign_open(path, SIGN_CATALOG, 4096, &one, &body, &e));
    buf_clear(&body);
    assert_true(sign_file(path, SIGN_CATALOG, 4096, &a, &e));
    assert_true(sign_open(path, SIGN_CATALOG, 4096, &one, &body, &e));
    buf_clear(&body);
    assert_false(sign_open(path, SIGN_CATALOG, 4096, &both, &body, &e));
    buf_clear(&body);
    assert_false(sign_open(path, SIGN_CATALOG, 2, &one, &body, &e)); /* too large */
    buf_clear(&body);
    snprintf(sig, sizeof sig, "%s" SIGN_SUFFIX, path);
    write_file(sig, "{\"type\": 1}", 0644);
    assert_false(sign_open(path, SIGN_CATALOG, 4096, &one, &body, &e));
    assert_int_equal(e.code, ERR_CORRUPT);
    buf_clear(&body);
}

static bool terms(const char *text, struct sign_terms *t, struct err *e)
{
    json_t *j = json_parse(str_of(text), "t", e);
    bool ok = j && sign_terms_read(t, j, "doc", e);
    json_decref(j);
    return ok;
}

static void test_terms(void **state)
{
    (void)state;
    struct sign_terms t;
    struct err e;
    assert_true(terms("{\"version\": 7, \"expires\": \"2027-01-01T00:00:00Z\"}", &t, &e));
    assert_int_equal(t.version, 7);
    assert_int_equal(t.expires, 1798761600);
    assert_true(sign_terms_check(&t, 7, 1798761599, "doc", &e));
    assert_false(sign_terms_check(&t, 8, 1798761599, "doc", &e)); /* rolled back */
    assert_false(sign_terms_check(&t, 0, 1798761600, "doc", &e)); /* expired */
    assert_non_null(strstr(e.msg, "2027-01-01"));
    assert_true(terms("{\"version\": 1}", &t, &e));
    assert_true(sign_terms_check(&t, 0, 1ll << 40, "doc", &e));
    assert_false(terms("{}", &t, &e));
    assert_false(terms("{\"version\": 0}", &t, &e));
    assert_false(terms("{\"version\": 1.5}", &t, &e));
    assert_false(terms("{\"version\": 1, \"expires\": \"soon\"}", &t, &e));
    assert_false(terms("{\"version\": 1, \"expires\": 7}", &t, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc8032), cmocka_unit_test(test_openssl_agrees),
        cmocka_unit_test(test_check),   cmocka_unit_test(test_keys),
        cmocka_unit_test(test_files),   cmocka_unit_test(test_terms),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
