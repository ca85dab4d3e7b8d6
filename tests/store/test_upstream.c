/* SPDX-License-Identifier: Apache-2.0 */
/* tests/store/test_upstream: names at hubs and registries, and what those answer. */
#include <stdlib.h>

#include "base/json.h"
#include "store/upstream.h"
#include "test.h"

#define HEX "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

static void names(void **state)
{
    (void)state;
    struct upstream_ref r;
    struct err e;
    static const struct {
        const char *text, *base, *repository, *path, *revision, *name;
    } cases[] = {
        {"hf:org/repo/f.gguf", "https://huggingface.co", "org/repo", "f.gguf", "main", ""},
        {"hf:org/repo/a/b c.gguf@v1", "https://huggingface.co", "org/repo", "a/b%20c.gguf", "v1",
         ""},
        {"ms:org/repo/f.gguf", "https://modelscope.cn", "org/repo", "f.gguf", "master", ""},
        {"ollama:qwen3", "https://registry.ollama.ai", "library/qwen3", "", "latest", "qwen3"},
        {"ollama:qwen3:8b", "https://registry.ollama.ai", "library/qwen3", "", "8b", "qwen3"},
        {"ollama:me/mine:x", "https://registry.ollama.ai", "me/mine", "", "x", "mine"},
        {"ollama:http://127.0.0.1:99/a/b:c", "http://127.0.0.1:99", "a/b", "", "c", "b"},
        {"ollama:reg.example:5000/a/b", "https://reg.example:5000", "a/b", "", "latest", "b"},
        {"oci:ghcr.io/org/models/m:q4", "https://ghcr.io", "org/models/m", "", "q4", "m"},
        {"moat:mirror.lan:8443/tiny:1b", "https://mirror.lan:8443", "tiny", "", "1b", "tiny"},
        {"moat:http://127.0.0.1:8081/tiny", "http://127.0.0.1:8081", "tiny", "", "latest", "tiny"},
        {"oci:docker.io/ai/smollm2", "https://registry-1.docker.io", "ai/smollm2", "", "latest",
         "smollm2"},
    };
    unsetenv("HF_ENDPOINT");
    unsetenv("MODELSCOPE_DOMAIN");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(upstream_is(cases[i].text));
        if (!upstream_parse(&r, cases[i].text, &e))
            fail_msg("%s: %s\n", cases[i].text, e.msg);
        assert_string_equal(r.base, cases[i].base);
        assert_string_equal(r.repository, cases[i].repository);
        assert_string_equal(r.path, cases[i].path);
        assert_string_equal(r.revision, cases[i].revision);
        assert_string_equal(r.name, cases[i].name);
    }
    static const char *const bad[] = {"hf:",
                                      "hf:org",
                                      "hf:org/repo",
                                      "hf:org/repo/",
                                      "hf:org/../f",
                                      "hf:../../x/y",
                                      "hf:org/repo/f@",
                                      "hf:org//f.gguf",
                                      "hf:o/r/a/../b",
                                      "ms:x",
                                      "ollama:",
                                      "ollama::x",
                                      "oci:",
                                      "oci:host",
                                      "moat:tiny",
                                      "moat:host/",
                                      "oci:host/",
                                      "oci:a b/c",
                                      "oci:u:p@host/repo",
                                      "ollama:http://h/",
                                      "hf:o/r/a\nb.gguf"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (upstream_parse(&r, bad[i], &e))
            fail_msg("\"%s\" was taken\n", bad[i]);
    assert_false(upstream_is("https://x/y") || upstream_is("qwen3:8b") || upstream_is(""));
    setenv("HF_ENDPOINT", "http://mirror:8080/", 1);
    assert_true(upstream_parse(&r, "hf:org/repo/f.gguf", &e));
    assert_string_equal(r.base, "http://mirror:8080");
    unsetenv("HF_ENDPOINT");
}

static void pointers(void **state)
{
    (void)state;
    struct digest d;
    assert_true(upstream_read_pointer(STR("version https://git-lfs.github.com/spec/v1\n"
                                          "oid sha256:" HEX "\nsize 12\n"),
                                      &d));
    assert_string_equal(d.hex, HEX);
    assert_false(upstream_read_pointer(STR("oid sha256:" HEX "\n"), &d));
    assert_false(upstream_read_pointer(STR("version https://git-lfs.github.com/spec/v1\n"), &d));
    assert_false(upstream_read_pointer(
        STR("version https://git-lfs.github.com/spec/v1\noid sha256:../../etc\n"), &d));
}

static json_t *json(const char *text)
{
    json_t *j = json_parse(str_of(text), "test", NULL);
    assert_non_null(j);
    return j;
}

static void manifests(void **state)
{
    (void)state;
    struct digest d;
    struct err e;
    json_t *j =
        json("{\"layers\": [{\"mediaType\": \"application/vnd.ollama.image.license\", \"digest\": "
             "\"x\"},"
             "{\"mediaType\": \"application/vnd.ollama.image.model\", \"digest\": \"sha256:" HEX
             "\"}]}");
    assert_true(upstream_read_manifest(j, &d, &e));
    assert_string_equal(d.hex, HEX);
    json_decref(j);
    j = json("{\"layers\": [{\"mediaType\": \"application/octet-stream\", \"digest\": \"sha256:" HEX
             "\","
             "\"annotations\": {\"org.opencontainers.image.title\": \"m.gguf\"}}]}");
    assert_true(upstream_read_manifest(j, &d, &e));
    json_decref(j);
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"layers\": 3}",
        "{\"layers\": []}",
        "{\"layers\": [1, null, {}]}",
        "{\"layers\": [{\"mediaType\": \"application/vnd.ollama.image.model\"}]}",
        "{\"layers\": [{\"mediaType\": \"application/vnd.ollama.image.model\", \"digest\": "
        "\"../../x\"}]}",
        "{\"manifests\": []}",
        "{\"layers\": [{\"mediaType\": \"a.gguf.b\", \"digest\": \"sha256:" HEX "\"},"
        "{\"mediaType\": \"a.gguf.b\", \"digest\": \"sha256:" HEX "\"}]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        j = json(bad[i]);
        if (upstream_read_manifest(j, &d, &e))
            fail_msg("%s was taken\n", bad[i]);
        json_decref(j);
    }
    j = json(
        "{\"Data\": {\"Files\": [{\"Path\": \"a\"}, {\"Path\": \"q/f.gguf\", \"Sha256\": \"" HEX
        "\"}]}}");
    assert_true(upstream_read_files(j, "q/f.gguf", &d));
    assert_false(upstream_read_files(j, "a", &d) || upstream_read_files(j, "f.gguf", &d));
    json_decref(j);
}

static void mirrors(void **state)
{
    (void)state;
    struct digest d;
    char root[DIGEST_HEX + 1];
    struct err e;
    json_t *j = json("{\"digest\": \"sha256:" HEX "\", \"root\": \"" HEX "\"}");
    assert_true(upstream_read_mirror(j, &d, root, &e));
    assert_string_equal(root, HEX);
    json_decref(j);
    j = json("{\"digest\": \"sha256:" HEX "\"}");
    assert_true(upstream_read_mirror(j, &d, root, &e) && !root[0]);
    json_decref(j);
    static const char *const bad[] = {"{}", "[]", "{\"digest\": 3}",
                                      "{\"digest\": \"sha256:../x\"}",
                                      "{\"digest\": \"sha256:" HEX "\", \"root\": \"x\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        j = json(bad[i]);
        if (upstream_read_mirror(j, &d, root, &e))
            fail_msg("%s was taken\n", bad[i]);
        json_decref(j);
    }
}

static void challenges(void **state)
{
    (void)state;
    char url[LIMIT_URL_BYTES];
    assert_true(upstream_read_challenge(
        "Bearer realm=\"https://auth.example/token\",service=\"reg\",scope=\"repository:a/b:pull\"",
        url));
    assert_string_equal(url, "https://auth.example/token?service=reg&scope=repository:a/b:pull");
    assert_true(upstream_read_challenge("Bearer realm=\"http://h/t?x=1\", scope=\"a b&c\"", url));
    assert_string_equal(url, "http://h/t?x=1&scope=a%20b%26c");
    assert_false(upstream_read_challenge("Basic realm=\"https://h/\"", url));
    assert_false(upstream_read_challenge("Bearer service=\"x\"", url));
    assert_false(upstream_read_challenge("Bearer realm=\"file:///etc/passwd\"", url));
    assert_false(upstream_read_challenge("Bearer realm=\"https://h/", url));
    assert_false(upstream_read_challenge("", url));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(pointers),
                                       cmocka_unit_test(manifests), cmocka_unit_test(mirrors),
                                       cmocka_unit_test(challenges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
