/* SPDX-License-Identifier: Apache-2.0 */
/* The store on disk: blobs appear whole or not at all, manifests hold what was written, sweeping
 * takes only what nobody needs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/manifest.h"
#include "test.h"

static char home[64];
static struct store s;
static struct err e;

static void shell(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s\n", command);
}

static int fresh(void **state)
{
    (void)state;
    snprintf(home, sizeof home, "/tmp/moat-store-XXXXXX");
    assert_non_null(mkdtemp(home));
    setenv("MOAT_HOME", home, 1);
    assert_true(store_open(&s, true, &e));
    return 0;
}

static int wipe(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", home);
    shell(command);
    return 0;
}

static int in_home(const char *command) /* exit status of a shell command run there */
{
    char line[512];
    snprintf(line, sizeof line, "cd %s && %s", home, command);
    return system(line);
}

static void put_file(const char *name, const char *text)
{
    char path[STORE_PATH];
    FILE *f = fopen(store_path(&s, path, "%s", name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static struct digest put_blob(const char *text)
{
    struct blob_writer w;
    struct digest d = {0};
    assert_true(blob_begin(&w, &s, strlen(text), &e));
    assert_true(blob_write(&w, text, strlen(text), &e) && blob_digest(&w, &d, &e) &&
                blob_commit(&w, &d, &e));
    blob_abort(&w);
    return d;
}

static void put_manifest(const char *name, struct digest d)
{
    struct manifest m = {.digest = d, .size = 3, .imported = 1768469400, .source = home};
    assert_true(name_parse(&m.name, str_of(name), &e));
    assert_true(manifest_write(&s, &m, &e));
}

static bool blob_is_there(const struct digest *d)
{
    int fd = blob_open(&s, d, &e);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void test_layout(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(stat(home, &st), 0);
    assert_int_equal(in_home("test \"$(cat FORMAT)\" = 2 && test -d blobs -a -d manifests"), 0);
    assert_int_equal(in_home("test \"$(stat -c %a blobs manifests | sort -u)\" = 700"), 0);
    put_file("FORMAT", "3\n");
    assert_false(store_open(&s, false, &e));
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    put_file("FORMAT", "x\n");
    assert_false(store_open(&s, false, &e));
    assert_int_equal(e.code, ERR_CORRUPT);
}

static void test_homes(void **state)
{
    (void)state;
    struct store other;
    unsetenv("MOAT_HOME");
    setenv("XDG_DATA_HOME", "/nowhere/data", 1);
    assert_true(store_open(&other, false, &e));
    assert_string_equal(other.root, "/nowhere/data/moat");
    setenv("XDG_DATA_HOME", "relative", 1); /* the specification: to be ignored */
    setenv("HOME", "/nowhere/me", 1);
    assert_true(store_open(&other, false, &e));
    assert_string_equal(other.root, "/nowhere/me/.local/share/moat");
    unsetenv("HOME");
    unsetenv("XDG_DATA_HOME");
    assert_false(store_open(&other, false, &e));
    assert_non_null(strstr(e.msg, "MOAT_HOME"));
    char *big = malloc(5000);
    assert_non_null(big);
    memset(big, 'x', 4999);
    big[4999] = '\0';
    setenv("MOAT_HOME", big, 1);
    assert_false(store_open(&other, false, &e));
    free(big);
}

static void test_digests(void **state)
{
    (void)state;
    struct digest d = put_blob("abc"); /* FIPS 180-2's example */
    const char *want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_string_equal(d.hex, want);
    char text[80];
    snprintf(text, sizeof text, "sha256:%s", want);
    assert_true(digest_parse(&d, str_of(text), &e));
    text[10] = 'F';
    assert_true(digest_parse(&d, str_of(text + 7), &e));
    assert_int_equal(d.hex[3], 'f');
    static const char *const bad[] = {"", "sha256:", "sha256:ab", "../../etc/passwd"};
    for (size_t i = 0; i < 4; i++)
        assert_false(digest_parse(&d, str_of(bad[i]), &e));
    text[20] = 'g';
    assert_false(digest_parse(&d, str_of(text), &e));
}

static void test_blob_is_whole_or_absent(void **state)
{
    (void)state;
    struct blob_writer w;
    struct digest d = {0};
    assert_true(blob_begin(&w, &s, 0, &e) && blob_write(&w, "abc", 3, &e));
    assert_int_equal(in_home("! ls blobs | grep -q sha256-"), 0);
    assert_true(blob_digest(&w, &d, &e));
    assert_false(blob_is_there(&d));
    blob_abort(&w);
    assert_int_equal(in_home("test -z \"$(ls blobs)\""), 0);
    d = put_blob("abc");
    assert_true(blob_is_there(&d));
    assert_int_equal(in_home("test \"$(stat -c %a blobs/*)\" = 444"), 0);
}

static void test_copy_and_hash(void **state)
{
    (void)state;
    char path[STORE_PATH];
    bool shared;
    struct blob_writer w;
    struct digest d, again;
    const struct store_progress none = {0};
    assert_int_equal(in_home("head -c 3000001 /dev/zero >big"), 0);
    int fd = open(store_path(&s, path, "big"), O_RDONLY);
    assert_true(fd >= 0 && blob_begin(&w, &s, 0, &e));
    assert_true(blob_copy(&w, fd, "big", 3000001, &none, &shared, &e));
    assert_true(blob_digest(&w, &d, &e) && blob_commit(&w, &d, &e));
    blob_abort(&w);
    assert_int_equal(in_home("cmp big blobs/sha256-*"), 0);
    assert_true(blob_hash(fd, "big", &none, &again, &e));
    assert_string_equal(d.hex, again.hex);
    /* a file that is shorter than it was said to be */
    assert_true(blob_begin(&w, &s, 0, &e));
    assert_false(blob_copy(&w, fd, "big", 3000002, &none, &shared, &e));
    blob_abort(&w);
    close(fd);
}

static bool stop_half_way(void *arg, uint64_t done, uint64_t total)
{
    (void)arg;
    return done * 2 < total;
}

static void test_cancel(void **state)
{
    (void)state;
    char path[STORE_PATH];
    bool shared;
    struct blob_writer w;
    const struct store_progress stop = {stop_half_way, NULL};
    assert_int_equal(in_home("head -c 5000000 /dev/zero >big"), 0);
    int fd = open(store_path(&s, path, "big"), O_RDONLY);
    assert_true(fd >= 0 && blob_begin(&w, &s, 0, &e));
    assert_false(blob_copy(&w, fd, "big", 5000000, &stop, &shared, &e));
    assert_int_equal(e.code, ERR_CANCELLED);
    blob_abort(&w);
    close(fd);
    assert_int_equal(in_home("test -z \"$(ls blobs)\""), 0);
}

static void test_manifest_round_trip(void **state)
{
    (void)state;
    struct manifest m = {.digest = put_blob("abc"), .size = 3, .imported = 1768469400}, back;
    m.source = home;
    m.settings = json_pack("{s:f}", "temperature", 0.5);
    assert_true(name_parse(&m.name, STR("a:b"), &e));
    assert_true(manifest_write(&s, &m, &e));
    assert_int_equal(in_home("grep -q '\"imported\": \"2026-01-15T09:30:00Z\"' "
                             "manifests/a/b.json"),
                     0);
    assert_true(manifest_read(&s, &m.name, &back, &e));
    assert_string_equal(back.digest.hex, m.digest.hex);
    assert_string_equal(back.source, home);
    assert_true(back.size == 3 && back.imported == m.imported);
    assert_true(json_equal(back.settings, m.settings));
    manifest_clear(&back);
    json_decref(m.settings);
    assert_true(manifest_remove(&s, &m.name, &e));
    assert_int_equal(in_home("test ! -e manifests/a"), 0);
    assert_false(manifest_read(&s, &m.name, &back, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void test_bad_manifests(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{\"digest\": \"sha256:ab\", \"size\": 3, \"source\": \"x\", \"imported\": "
        "\"2026-01-15T09:30:00Z\"}",
        "{\"digest\": \"sha256:../../../../../../../../../../../../../../../../../../etc/passwd\","
        "\"size\": 3, \"source\": \"x\", \"imported\": \"2026-01-15T09:30:00Z\"}",
        "{\"digest\": \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\", "
        "\"size\": -1, \"source\": \"x\", \"imported\": \"2026-01-15T09:30:00Z\"}",
        "{\"digest\": \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\", "
        "\"size\": 3, \"source\": \"x\", \"imported\": \"yesterday\"}",
        "{\"digest\": \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\", "
        "\"size\": 3, \"source\": \"x\", \"imported\": \"2026-01-15T09:30:00Z\", \"settings\": 1}",
    };
    struct name name;
    struct manifest m;
    assert_true(name_parse(&name, STR("a:b"), &e));
    assert_int_equal(in_home("mkdir manifests/a"), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_file("manifests/a/b.json", bad[i]);
        if (manifest_read(&s, &name, &m, &e))
            fail_msg("%s accepted\n", bad[i]);
        assert_int_equal(e.code, ERR_CORRUPT);
        assert_non_null(strstr(e.msg, "manifests/a/b.json"));
    }
}

static bool collect(void *arg, const struct name *name, const struct manifest *m,
                    const struct err *why)
{
    char *text = arg;
    (void)why;
    snprintf(text + strlen(text), 200 - strlen(text), "%s%s ", name->text, m ? "" : "!");
    return true;
}

static void test_each(void **state)
{
    (void)state;
    struct digest d = put_blob("abc");
    char found[200] = "";
    put_manifest("zebra", d);
    put_manifest("ant:2", d);
    put_manifest("ant:1", d);
    put_file("manifests/ant/3.json", "{}");
    put_file("manifests/ant/.hidden.json", "{}");
    put_file("manifests/ant/note.txt", "{}");
    put_file("manifests/ant/4.json.tmp-AAAAAA", "{}");
    assert_int_equal(in_home("mkdir 'manifests/bad name'; cp manifests/ant/1.json "
                             "'manifests/bad name/1.json'; touch manifests/file"),
                     0);
    assert_true(manifest_each(&s, collect, found, &e));
    assert_string_equal(found, "ant:1 ant:2 ant:3! zebra:latest ");
}

static void test_sweep(void **state)
{
    (void)state;
    struct digest kept = put_blob("abc"), orphan;
    struct blob_writer live;
    uint64_t freed;
    put_manifest("a", kept);
    orphan = put_blob("orphan"); /* after the manifest: blob_begin sweeps too */
    put_file("blobs/incoming.tmp-dead00", "left behind by a dead process");
    put_file("blobs/notes.txt", "not ours");
    assert_true(blob_begin(&live, &s, 0, &e)); /* sweeps */
    blob_abort(&live);
    assert_int_equal(in_home("test ! -e blobs/incoming.tmp-dead00"), 0);
    assert_false(blob_is_there(&orphan));
    char path[STORE_PATH];
    put_file("blobs/incoming.tmp-alive0", "where the file system has no unnamed files");
    int fd = open(store_path(&s, path, "blobs/incoming.tmp-alive0"), O_RDWR);
    assert_true(fd >= 0 && os_try_lock(fd)); /* as its maker does */
    orphan = put_blob("orphan");
    assert_true(blob_sweep(&s, &freed, &e));
    assert_int_equal(freed, 6);
    assert_true(blob_is_there(&kept));
    assert_int_equal(in_home("test -e blobs/notes.txt -a -e blobs/incoming.tmp-alive0"), 0);
    close(fd);
    orphan = put_blob("orphan");
    put_file("manifests/a/damaged.json", "{"); /* whose blob is it? unknown: keep all */
    assert_true(blob_sweep(&s, &freed, &e));
    assert_int_equal(freed, 0);
    assert_true(blob_is_there(&orphan));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, wipe)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_layout),
        TEST(test_homes),
        TEST(test_digests),
        TEST(test_blob_is_whole_or_absent),
        TEST(test_copy_and_hash),
        TEST(test_cancel),
        TEST(test_manifest_round_trip),
        TEST(test_bad_manifests),
        TEST(test_each),
        TEST(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
