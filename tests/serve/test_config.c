/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: keys, ranges, which source wins; addresses; which hosts and origins are ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "serve/config.h"
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
        {"{\"listen\":[\"0.0.0.0:80\"]}", "TLS"},
        {"{\"listen\":[\"[::]:80\"]}", "TLS"},
        {"{\"listen\":\"10.0.0.1:80\"}", "TLS"},
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
    assert_false(config_set(&c, key("listen"), STR("0.0.0.0:1"), CONFIG_OPTION, &e));
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
    static const char *const hosts[] = {"localhost",      "LOCALHOST:80", "127.0.0.1",
                                        "127.9.9.9:1",    "[::1]",        "[::1]:8080",
                                        "a.b.localhost:5"};
    static const char *const foreign[] = {"",
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
    static const char *const ours[] = {"http://localhost", "https://localhost:3000",
                                       "http://[::1]:1", "vscode-webview://abc"};
    static const char *const theirs[] = {
        "null",    "http://example.org", "https://localhost.example.org",
        "http://", "localhost",          "ftp://localhost"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        assert_true(origin_host_allowed(str_of(hosts[i])));
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (origin_host_allowed(str_of(foreign[i])))
            fail_msg("Host %s", foreign[i]);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        assert_true(origin_allowed(str_of(ours[i])));
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
        if (origin_allowed(str_of(theirs[i])))
            fail_msg("Origin %s", theirs[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_sources),   cmocka_unit_test(test_file),
        cmocka_unit_test(test_listeners), cmocka_unit_test(test_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
