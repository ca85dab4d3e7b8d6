/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: keys, ranges, which source wins; addresses; which hosts and origins are ours.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "serve/access.h"
#include "serve/origin.h"
#include "test.h"

static const struct config_key *key(const char *name)
{
    for (int i = 0; i < CONFIG_KEYS; i++)
        if (strcmp(config_keys[i].key, name) == 0)
            return &config_keys[i];
    fail_msg("no key %s", name);
    return NULL;
}

static bool read_text(struct config *c, const char *text, struct err *e)
{
    json_t *j = json_parse(str_of(text), "test", e);
    bool ok = j && config_from_json(c, j, "test", e);
    json_decref(j);
    return ok;
}

static void test_json(void **state)
{
    (void)state;
    struct config c;
    struct err e;
    config_init(&c);
    assert_true(read_text(&c,
                          "{\"listen\":[\"127.0.0.1:0\",\"unix:/tmp/x\"],\"memory\":\"1.5G\","
                          "\"max_body\":4096,\"parallel\":3,\"models\":{\"a:b\":{\"top_k\":5}}}",
                          &e));
    assert_int_equal(c.listen.n, 2);
    assert_int_equal(c.memory, 3ull << 29);
    assert_int_equal(c.max_body, 4096);
    assert_int_equal(c.parallel, 3);
    assert_int_equal(c.queue, 64);
    assert_int_equal(c.source[key("parallel") - config_keys], CONFIG_FILE);
    assert_int_equal(c.source[key("queue") - config_keys], CONFIG_DEFAULT);
    config_clear(&c);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"[]", "object"},
        {"{\"paralel\":1}", "parallel"},
        {"{\"parallel\":0}", "parallel"},
        {"{\"parallel\":1.5}", "parallel"},
        {"{\"parallel\":\"a\"}", "parallel"},
        {"{\"memory\":\"12X\"}", "memory"},
        {"{\"memory\":-1}", "memory"},
        {"{\"max_body\":\"1T\"}", "max_body"},
        {"{\"listen\":5}", "listen"},
        {"{\"listen\":[\"http://0.0.0.0:80\"]}", "TLS"},
        {"{\"listen\":[\"http://[::]:80\"]}", "TLS"},
        {"{\"listen\":\"http://10.0.0.1:80\"}", "TLS"},
        {"{\"listen\":\"https://unix:/x\"}", "address"},
        {"{\"tls_key\":5}", "tls_key"},
        {"{\"require_key\":1}", "require_key"},
        {"{\"require_key\":\"yes\"}", "require_key"},
        {"{\"listen\":\"localhost:99999\"}", "address"},
        {"{\"listen\":\"example.org:80\"}", "address"},
        {"{\"listen\":\"unix:\"}", "path"},
        {"{\"models\":[]}", "models"},
        {"{\"models\":{\"a\":1}}", "a"},
        {"{\"models\":{\"a\":{\"temprature\":1}}}", "temperature"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config c;
        struct err e = {0};
        config_init(&c);
        if (read_text(&c, texts[i][0], &e) || !strstr(e.msg, texts[i][1]))
            fail_msg("%s: %s", texts[i][0], e.msg);
        config_clear(&c);
    }
}

static void test_sources(void **state)
{
    (void)state;
    struct config c, copy;
    struct err e;
    config_init(&c);
    assert_true(read_text(&c, "{\"queue\":1,\"parallel\":1,\"listen\":\"1\"}", &e));
    assert_true(config_set(&c, key("queue"), STR("2"), CONFIG_ENVIRONMENT, &e));
    assert_true(config_set(&c, key("queue"), STR("3"), CONFIG_OPTION, &e));
    assert_true(config_set(&c, key("listen"), STR("2"), CONFIG_OPTION, &e)); /* replaces */
    assert_true(config_set(&c, key("listen"), STR("3"), CONFIG_OPTION, &e)); /* adds */
    assert_int_equal(c.queue, 3);
    assert_int_equal(c.listen.n, 2);
    assert_string_equal(c.listen.v[0], "2");
    assert_false(config_set(&c, key("queue"), STR("x"), CONFIG_OPTION, &e));
    assert_false(config_set(&c, key("listen"), STR("http://0.0.0.0:1"), CONFIG_OPTION, &e));
    assert_int_equal(e.code, ERR_DENIED);
    assert_true(config_copy(&copy, &c, &e));
    config_clear(&c);
    json_t *list = config_value(&copy, key("listen"));
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
    config_clear(&copy);
}

static void test_file(void **state)
{
    (void)state;
    struct config c;
    struct err e;
    char path[] = "/tmp/moat-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "{\"queue\":7}", 11) == 11);
    close(fd);
    setenv("MOAT_QUEUE", "9", 1);
    config_init(&c);
    assert_true(config_load(&c, path, &e));
    assert_int_equal(c.queue, 9);
    config_clear(&c);
    unsetenv("MOAT_QUEUE");
    setenv("MOAT_CONFIG", path, 1);
    config_init(&c);
    assert_true(config_load(&c, NULL, &e));
    assert_int_equal(c.queue, 7);
    config_clear(&c);
    unlink(path);
    config_init(&c);
    assert_false(config_load(&c, NULL, &e)); /* named, but not there */
    config_clear(&c);
    unsetenv("MOAT_CONFIG");
}

static void test_listeners(void **state)
{
    (void)state;
    struct listeners l = {0}, other = {0};
    struct err e;
    char path[] = "/tmp/moat-listen-XXXXXX", text[64], at[64];
    assert_non_null(mkdtemp(path));
    snprintf(text, sizeof text, "unix:%s/s", path);
    assert_true(listen_open(&l, text, &e));
    assert_true(listen_open(&l, "127.0.0.1:0", &e));
    assert_false(listen_open(&other, text, &e)); /* taken */
    assert_int_equal(e.code, ERR_BUSY);
    assert_false(listen_open(&other, l.v[1].name, &e));
    assert_int_equal(e.code, ERR_BUSY);
    listen_close(&l);
    assert_true(listen_open(&l, text, &e)); /* free again */
    listen_close(&l);
    snprintf(at, sizeof at, "%s/s.lock", path);
    unlink(at);
    rmdir(path);
}

static void test_origins(void **state)
{
    (void)state;
    static const char *const here[] = {"localhost", "LOCALHOST:80", "127.0.0.1",      "127.9.9.9:1",
                                       "[::1]",     "[::1]:8080",   "a.b.localhost:5"};
    static const char *const elsewhere[] = {"",
                                            "example.org",
                                            "localhost.example.org",
                                            "127.0.0.1.example.org",
                                            "10.0.0.1",
                                            "[::2]",
                                            "[::1",
                                            "localhost:",
                                            "localhost:x",
                                            "localhost:99999",
                                            "evillocalhost",
                                            "0.0.0.0",
                                            "[::ffff:127.0.0.1]",
                                            "127.1",
                                            "2130706433"};
    for (size_t i = 0; i < sizeof here / sizeof *here; i++)
        assert_true(origin_host_is_loopback(str_of(here[i])));
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (origin_host_is_loopback(str_of(elsewhere[i])))
            fail_msg("Host %s", elsewhere[i]);
}

/* What allow_host and allow_origin take. */
static void test_allowed(void **state)
{
    (void)state;
    static const char *const hosts[] = {"moat.example.org", "MOAT", "10.0.0.5", "[fd00::5]", "a_b"};
    static const char *const no_hosts[] = {
        "",        "*",   "*.example.org", "a:80", "[fd00::5]:80",
        "fd00::5", "a/b", "https://a",     ".a",   "a b"};
    static const char *const origins[] = {
        "https://a",        "https://A.example.org:8443", "http://localhost:3000",
        "http://127.0.0.1", "https://[fd00::5]:1",        "vscode-webview://x"};
    static const char *const no_origins[] = {"",
                                             "*",
                                             "null",
                                             "a",
                                             "https://",
                                             "https://a/",
                                             "https://a/b",
                                             "https://*.example.org",
                                             "http://a",
                                             "http://10.0.0.1",
                                             "ftp://a",
                                             "https://a:x",
                                             "https://a:99999",
                                             "https://u@a",
                                             "https://a b",
                                             "https://a\r\nX: y"};
    struct err e;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        assert_true(origin_check_host(str_of(hosts[i]), &e));
    for (size_t i = 0; i < sizeof no_hosts / sizeof *no_hosts; i++)
        if (origin_check_host(str_of(no_hosts[i]), &e))
            fail_msg("allow_host %s", no_hosts[i]);
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++)
        assert_true(origin_check_origin(str_of(origins[i]), &e));
    for (size_t i = 0; i < sizeof no_origins / sizeof *no_origins; i++)
        if (origin_check_origin(str_of(no_origins[i]), &e))
            fail_msg("allow_origin %s", no_origins[i]);
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool remote, tls;
    } all[] = {{"8080", false, false},
               {"127.0.0.1:80", false, false},
               {"http://127.0.0.1:80", false, false},
               {"https://127.0.0.1:80", false, true},
               {"https://[::1]:80", false, true},
               {"0.0.0.0:80", true, true},
               {"https://0.0.0.0:80", true, true},
               {"[::]:80", true, true},
               {"[::ffff:127.0.0.1]:80", true, true},
               {"10.0.0.1:80", true, true},
               {"unix:/tmp/x", false, false}};
    struct listen_address a;
    struct err e;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!listen_parse(str_of(all[i].text), &a, &e) || a.remote != all[i].remote ||
            a.tls != all[i].tls)
            fail_msg("%s", all[i].text);
}

/* An address that others reach, without what it needs. */
static void test_access(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"{\"listen\":\"0.0.0.0:80\"}", "tls_certificate"},
        {"{\"listen\":\"[::]:80\"}", "other machines"},
        {"{\"listen\":[\"1\",\"https://127.0.0.1:80\"]}", "http://"},
        {"{\"require_key\":true}", "moat key add"},
    };
    char home[] = "/tmp/moat-access-XXXXXX";
    assert_non_null(mkdtemp(home));
    setenv("MOAT_HOME", home, 1);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config c;
        struct access a;
        struct err e = {0};
        config_init(&c);
        assert_true(read_text(&c, texts[i][0], &e) && access_load(&a, &c, &e));
        if (access_check(&a, &c, &e) || e.code != ERR_DENIED || !strstr(e.msg, texts[i][1]))
            fail_msg("%s: %s", texts[i][0], e.msg);
        access_clear(&a);
        config_clear(&c);
    }
    char keys[64];
    struct config c;
    struct access a;
    struct err e = {0};
    snprintf(keys, sizeof keys, "%s/keys.json", home);
    FILE *f = fopen(keys, "w");
    assert_true(f && fputs("{", f) > 0 && fclose(f) == 0);
    config_init(&c);
    assert_true(read_text(&c, "{\"listen\":\"1\"}", &e) && access_load(&a, &c, &e));
    access_clear(&a);
    assert_true(read_text(&c, "{\"listen\":\"https://127.0.0.1:1\"}", &e));
    assert_false(access_load(&a, &c, &e)); /* a list that counts must be readable */
    config_clear(&c);
    unlink(keys);
    rmdir(home);
    unsetenv("MOAT_HOME");
}

static const struct key_terms usual = {.scopes = KEY_USUAL};

/* The headers a key may come in. */
static void test_key(void **state)
{
    (void)state;
    struct keys k = {0};
    struct err e;
    char text[KEY_TEXT + 1], value[128];
    assert_true(keys_add(&k, STR("a"), &usual, text, &e));
    static const char *const good[] = {"Bearer %s", "bearer %s", "BEARER  %s"};
    static const char *const bad[] = {"%s", "Basic %s", "Bearer", "Bearer %sx", "Bearer%s"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        size_t at = (size_t)(strchr(good[i], '%') - good[i]);
        snprintf(value, sizeof value, "%.*s%s", (int)at, good[i], text);
        assert_non_null(access_key(&k, str_of(value), STR("")));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *at = strchr(bad[i], '%');
        size_t n = at ? (size_t)(at - bad[i]) : strlen(bad[i]);
        snprintf(value, sizeof value, "%.*s%s%s", (int)n, bad[i], at ? text : "", at ? at + 2 : "");
        if (access_key(&k, str_of(value), STR("")))
            fail_msg("%s", value);
    }
    static const char *const users[] = {"", "u", "us", "use", "a:", "somebody@example.org"};
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        char plain[200], basic[400] = "basic ";
        int n = snprintf(plain, sizeof plain, "%s:%s", users[i], text);
        EVP_EncodeBlock((unsigned char *)basic + 6, (const unsigned char *)plain, n);
        bool right = !strchr(users[i], ':'); /* the user ends at the first colon */
        if ((access_key(&k, str_of(basic), STR("")) != NULL) != right)
            fail_msg("%s", plain);
        basic[strlen(basic) - 1] = '!';
        assert_null(access_key(&k, str_of(basic), STR("")));
        memset(basic + 6, 'A', sizeof basic - 6);
        assert_null(access_key(&k, (struct str){basic, sizeof basic}, STR("")));
    }
    assert_non_null(access_key(&k, STR(""), str_of(text)));
    assert_null(access_key(&k, STR(""), STR("")));
    assert_null(access_key(&k, STR("Bearer x"), str_of(text))); /* one of them counts */
    keys_clear(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_sources),   cmocka_unit_test(test_file),
        cmocka_unit_test(test_listeners), cmocka_unit_test(test_origins),
        cmocka_unit_test(test_allowed),   cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_access),    cmocka_unit_test(test_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
