/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of a mirror: what each asks for, through the line to the keeper and back, and which are
 * none. */
#include "serve/want.h"
#include "test.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static bool same(const struct want *a, const struct want *b)
{
    return a->kind == b->kind && a->leaves == b->leaves && a->head == b->head &&
           strcmp(a->repository, b->repository) == 0 && strcmp(a->revision, b->revision) == 0 &&
           strcmp(a->file, b->file) == 0 && a->by_digest == b->by_digest &&
           (!a->by_digest || strcmp(a->digest.hex, b->digest.hex) == 0);
}

static struct want there_and_back(const char *path)
{
    struct want w = want_of_path(str_of(path)), again;
    json_t *j = want_to_json(&w);
    if (w.kind != WANT_NOTHING && (!want_from_json(&again, j) || !same(&w, &again)))
        fail_msg("%s: another want comes back", path);
    json_decref(j);
    return w;
}

static void expect(const char *path, enum want_kind kind, const char *repository,
                   const char *revision, const char *file)
{
    struct want w = there_and_back(path);
    if (w.kind != kind || strcmp(w.repository, repository) || strcmp(w.revision, revision) ||
        strcmp(w.file, file))
        fail_msg("%s: kind %d, \"%s\" \"%s\" \"%s\"", path, (int)w.kind, w.repository, w.revision,
                 w.file);
}

static void test_ours(void **state)
{
    (void)state;
    expect("/models", WANT_LIST, "", "", "");
    expect("/models/a/b.json", WANT_MODEL, "a", "b", "");
    expect("/witness/" HEX, WANT_WITNESS, "", "", "");
    expect("/witness/" HEX "0", WANT_NOTHING, "", "", "");
    expect("/witness/sha256-" HEX, WANT_NOTHING, "", "", "");
    expect("/witness/../keys.json", WANT_NOTHING, "", "", "");
    expect("/models/a/b.gguf", WANT_FILE, "a", "b", "");
    expect("/models/a/b.c.gguf", WANT_FILE, "a", "b.c", "");
    assert_true(there_and_back("/models/a/b.gguf.leaves").leaves);
    assert_false(there_and_back("/models/a/b.gguf").leaves);
    assert_string_equal(there_and_back("/blobs/sha256-" HEX).digest.hex, HEX);
    assert_string_equal(there_and_back("/blobs/sha256:" HEX).digest.hex, HEX);
    assert_true(there_and_back("/blobs/sha256-" HEX ".leaves").leaves);
}

static void test_hubs(void **state)
{
    (void)state;
    expect("/o/r/resolve/main/f.gguf", WANT_HF_FILE, "o/r", "main", "f.gguf");
    expect("/o/r/resolve/main/d/f.gguf", WANT_HF_FILE, "o/r", "main", "d/f.gguf");
    expect("/o/r/raw/v1/f.gguf", WANT_HF_POINTER, "o/r", "v1", "f.gguf");
    expect("/api/models/o/r", WANT_HF_INFO, "o/r", "main", "");
    expect("/api/models/o/r/revision/v1", WANT_HF_INFO, "o/r", "v1", "");
    expect("/api/models/o/r/tree/v1", WANT_HF_TREE, "o/r", "v1", "");
}

static void test_registries(void **state)
{
    (void)state;
    expect("/v2", WANT_V2, "", "", "");
    expect("/v2/", WANT_V2, "", "", "");
    expect("/v2/_catalog", WANT_V2_CATALOG, "", "", "");
    expect("/v2/library/a/tags/list", WANT_V2_TAGS, "library/a", "", "");
    expect("/v2/library/a/manifests/b", WANT_V2_MANIFEST, "library/a", "b", "");
    expect("/v2/a/manifests/sha256:" HEX, WANT_V2_MANIFEST, "a", "", "");
    expect("/v2/x/y/z/blobs/sha256:" HEX, WANT_V2_BLOB, "x/y/z", "", "");
    assert_true(there_and_back("/v2/a/manifests/sha256:" HEX).by_digest);
}

static void test_nothing(void **state)
{
    (void)state;
    static const char *const paths[] = {"/",
                                        "/x",
                                        "/models/",
                                        "/models/a",
                                        "/models/a/",
                                        "/models/a/b",
                                        "/models//b.gguf",
                                        "/models/a/.gguf",
                                        "/models/a/b/c.gguf",
                                        "/models/../b.gguf",
                                        "/models/a/..gguf.x",
                                        "/blobs/",
                                        "/blobs/sha256-00",
                                        "/blobs/../FORMAT",
                                        "/blobs/sha256-" HEX "0",
                                        "/o/r/resolve/main",
                                        "/o/r/resolve/main/",
                                        "/o/r/resolve//f",
                                        "/o/r/blob/main/f",
                                        "/o/r/resolve/main/../f",
                                        "/o/../resolve/main/f",
                                        "/../r/resolve/main/f",
                                        "/o/r/resolve/main/a//f",
                                        "/o/r/resolve/../f",
                                        "/o/r/resolve/main/a\\b",
                                        "/api/models/",
                                        "/api/models/o",
                                        "/api/models/o/r/tree",
                                        "/api/models/o/r/x/y",
                                        "/api/models/o/r/revision/",
                                        "/v2/a",
                                        "/v2/a/blobs/x",
                                        "/v2/a/blobs/sha256:00",
                                        "/v2//manifests/b",
                                        "/v2/a/../b/manifests/c",
                                        "/v2/a/manifests/",
                                        "/v2/a/manifests/b/c",
                                        "/v2/a/manifests/..",
                                        "/v2/tags/list/x"};
    char path[2000] = "/v2/";
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (there_and_back(paths[i]).kind != WANT_NOTHING)
            fail_msg("%s is taken for something", paths[i]);
    memset(path + 4, 'a', 1000);
    strcpy(path + 1004, "/tags/list");
    assert_int_equal(want_of_path(str_of(path)).kind, WANT_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ours),
        cmocka_unit_test(test_hubs),
        cmocka_unit_test(test_registries),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
