/* SPDX-License-Identifier: Apache-2.0 */
/* tests/engine/test_packed: a pack holds the weights of its model and no other, is made whole or
 * not at all, and once; what stands in its way costs speed, never the answer.
 *
 * With arguments it is a tool instead:
 *     test_packed FILE.gguf PACK|- [THREADS]     opens, says how long each part took */
#include "base/mem.h"
#include "compute/pack.h"
#include "engine/arch.h"
#include "engine/forward.h"
#include "engine/packed.h"
#include "gguf/gguf.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const models[] = {
    "llama",  "llama-moe",   "qwen2",           "qwen3",     "qwen3moe", "gemma3",  "phi3",
    "glm4",   "deepseek2",   "deepseek2-heads", "gpt-oss",   "lfm2",     "lfm2moe", "qwen3next",
    "qwen35", "falcon-tied", "mamba2",          "falcon-h1", "dots1"};
enum { N_MODELS = sizeof models / sizeof *models };

static char dir[256]; /* a fresh one for each test */

struct opened {
    struct gguf *g;
    struct model *m;
    struct workers *team;
    struct packed p;
};

static void check(bool ok, const struct err *e)
{
    if (!ok)
        fail_msg("%s", e->msg);
}

static void open_model(struct opened *o, const char *path, uint32_t threads)
{
    struct err e;
    *o = (struct opened){.p.map.fd = -1};
    check((o->g = gguf_open(path, &e)) && (o->m = model_new(o->g, NULL, &e)) &&
              (o->team = workers_new(threads, &e)),
          &e);
}

static void close_model(struct opened *o)
{
    packed_close(&o->p);
    workers_free(o->team);
    model_free(o->m);
    gguf_close(o->g);
}

static void pack(struct opened *o, const struct packed_params *params)
{
    struct err e;
    check(packed_open(&o->p, o->m, o->g, params, o->team, &e), &e);
}

static const char *fixture(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "tests/data/arch/%s.gguf", name);
    return path;
}

static const char *in_dir(const char *name)
{
    static char path[4][512];
    static int i;
    i = (i + 1) % 4;
    snprintf(path[i], sizeof path[i], "%s/%s", dir, name);
    return path[i];
}

/* A copy of the fixture in the directory, so that it may be changed. */
static const char *copy_of(const char *name)
{
    const char *path = in_dir("model.gguf");
    static char bytes[1 << 20];
    FILE *from = fopen(fixture(name), "rb"), *to = fopen(path, "wb");
    assert_non_null(from);
    assert_non_null(to);
    size_t n = fread(bytes, 1, sizeof bytes, from);
    assert_int_equal(fwrite(bytes, 1, n, to), n);
    fclose(from);
    fclose(to);
    return path;
}

static int count_files(void)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    int n = 0;
    for (struct dirent *f; (f = readdir(d));)
        n += f->d_name[0] != '.';
    closedir(d);
    return n;
}

static int new_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "%s/packed-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    DIR *d = opendir(dir);
    for (struct dirent *f; d && (f = readdir(d));)
        unlinkat(dirfd(d), f->d_name, 0);
    closedir(d);
    return rmdir(dir);
}

/* --- the weights -------------------------------------------------------------------------------
 */

static void check_mat(const char *name, const struct mat *want, const struct mat *got)
{
    static unsigned char rows[1 << 20];
    bool packs = want->rows >= 16 && pack_supported(want->type, want->cols);
    assert_true(want->layout == MAT_ROWS && got->rows == want->rows && got->type == want->type);
    if (!want->data || !packs) {
        assert_true(got->layout == MAT_ROWS && (got->data == NULL) == (want->data == NULL));
        return;
    }
    assert_int_equal(got->layout, MAT_R16);
    for (uint32_t x = 0; x < want->n_expert; x++) {
        struct mat w = mat_expert(want, x), p = mat_expert(got, x);
        uint64_t group = 16 * w.row_bytes, end = w.rows * w.row_bytes, at = 0;
        for (; at + group <= end; at += group)
            unpack_group(p.type, p.data + at, p.cols, rows + at);
        memcpy(rows + at, p.data + at, end - at);
        if (memcmp(rows, w.data, end) != 0)
            fail_msg("%s: expert %u does not unpack to what the model file holds", name, x);
    }
}

static void check_mats(const struct tensor_spec *s, const void *want, const void *got, void *embed)
{
    for (; s->name; s++) {
        const char *w = (const char *)want + s->offset, *p = (const char *)got + s->offset;
        if (!tensor_is_values(s) && p != embed)
            check_mat(s->name, (const struct mat *)w, (const struct mat *)p);
    }
}

static void check_model(const struct model *want, struct model *got)
{
    const struct arch *a = want->h.arch;
    for (uint32_t i = 0; i < want->h.n_layer; i++)
        check_mats(a->layer_tensors, &want->layers[i], &got->layers[i], NULL);
    check_mats(a->model_tensors, want, got, &got->embed);
    if (want->embed.data == want->output.data)
        assert_ptr_equal(got->embed.data, got->output.data);
    else
        assert_int_equal(got->embed.layout, MAT_ROWS);
}

static uint64_t logits_hash(struct opened *o)
{
    struct forward_params fp = {.kv = {.type = KV_F32, .n_ctx = 32, .n_seq = 1, .n_batch = 8},
                                .n_threads = 1,
                                .n_logits = 8};
    struct err e;
    struct forward *f = forward_new(o->m, &fp, &e);
    check(f && kv_reserve(f->kv, 0, 0, 8, &e), &e);
    batch_reset(&f->batch, true);
    for (uint32_t i = 0; i < 8; i++)
        batch_add(&f->batch, 0, i, (i * 9 + 1) % o->m->h.n_vocab, true);
    forward(f);
    const unsigned char *p = (const unsigned char *)forward_logits(f, 0, 8);
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < 8ull * o->m->h.n_vocab * sizeof(float); i++)
        h = (h ^ p[i]) * 0x100000001b3;
    forward_free(f);
    return h;
}

/* Every family: made, mapped and in memory; weights and logits. */
static void the_weights_are_those_of_the_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        struct opened plain, first, second, memory;
        char path[512];
        snprintf(path, sizeof path, "%s/%s.pack", dir, models[i]);
        open_model(&plain, fixture(models[i]), 1);
        open_model(&first, fixture(models[i]), 1);
        open_model(&second, fixture(models[i]), 3);
        open_model(&memory, fixture(models[i]), 2);
        pack(&first, &(struct packed_params){.path = path});
        pack(&second, &(struct packed_params){.path = path});
        pack(&memory, &(struct packed_params){0});
        assert_true(first.p.state == PACKED_FILE && first.p.made);
        assert_true(second.p.state == PACKED_FILE && !second.p.made);
        assert_true(memory.p.state == PACKED_MEMORY && memory.p.notice.code == ERR_NONE);
        assert_true(hash_eq(&first.p.root, &second.p.root));
        assert_memory_equal(first.p.data, memory.p.data, first.p.bytes);
        check_model(plain.m, first.m);
        check_model(plain.m, second.m);
        check_model(plain.m, memory.m);
        uint64_t want = logits_hash(&plain);
        assert_true(want == logits_hash(&second) && want == logits_hash(&memory));
        struct err e;
        check(packed_verify(&second.p, second.team, &e), &e);
        close_model(&plain);
        close_model(&first);
        close_model(&second);
        close_model(&memory);
    }
    assert_int_equal(count_files(), N_MODELS); /* no lock, no temporary file */
}

/* --- which pack is used ------------------------------------------------------------------------
 */

/* Opens the model with the pack; whether it had to be made; and it is right then. */
static bool made(const char *model, const struct packed_params *params)
{
    struct opened o, plain;
    open_model(&plain, model, 1);
    open_model(&o, model, 2);
    pack(&o, params);
    if (o.p.state != PACKED_FILE)
        fail_msg("%s", o.p.notice.msg);
    check_model(plain.m, o.m);
    bool result = o.p.made;
    close_model(&o);
    close_model(&plain);
    return result;
}

static void xor_byte(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, at, at < 0 ? SEEK_END : SEEK_SET);
    int c = getc(f);
    fseek(f, at, at < 0 ? SEEK_END : SEEK_SET);
    putc(c ^ 1, f);
    fclose(f);
}

static void a_changed_source_makes_it_stale(void **state)
{
    (void)state;
    const char *model = copy_of("llama");
    struct packed_params p = {.path = in_dir("x.pack")};
    assert_true(made(model, &p));
    assert_false(made(model, &p));
    struct timespec t[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    assert_int_equal(utimensat(AT_FDCWD, model, t, 0), 0);
    assert_true(made(model, &p));
    assert_false(made(model, &p));
    xor_byte(model, -1); /* a weight; times and all */
    assert_true(made(model, &p));
    unlink(model);
    (void)copy_of("llama"); /* another file of the same name */
    assert_true(made(model, &p));
    (void)copy_of("qwen3");
    assert_true(made(model, &p));
    assert_false(made(model, &p));
    assert_int_equal(count_files(), 2);
}

static void a_digest_takes_the_place_of_times(void **state)
{
    (void)state;
    const char *model = copy_of("llama");
    struct hash a = {{1}}, b = {{2}};
    struct packed_params p = {.path = in_dir("x.pack"), .digest = &a};
    assert_true(made(model, &p));
    struct timespec t[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    assert_int_equal(utimensat(AT_FDCWD, model, t, 0), 0);
    assert_false(made(model, &p));
    p.digest = &b;
    assert_true(made(model, &p));
    p.digest = NULL;
    assert_true(made(model, &p));
}

static void a_damaged_or_foreign_pack_is_made_anew(void **state)
{
    (void)state;
    const char *model = copy_of("llama"), *path = in_dir("x.pack");
    struct packed_params p = {.path = path};
    assert_true(made(model, &p));
    for (long at = 0; at < 152; at += 5) { /* the header */
        xor_byte(path, at);
        assert_true(made(model, &p));
    }
    for (long at = 4096; at < 4096 + 12 * 40 + 32; at += 41) { /* entries and leaves */
        xor_byte(path, at);
        assert_true(made(model, &p));
    }
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    static const long cuts[] = {0, 1, 151, 4095, 4096, 5000};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        assert_int_equal(truncate(path, cuts[i]), 0);
        assert_true(made(model, &p));
    }
    assert_int_equal(truncate(path, st.st_size - 1), 0);
    assert_true(made(model, &p));
    assert_int_equal(truncate(path, st.st_size + 4096), 0);
    assert_true(made(model, &p));
    assert_int_equal(chmod(path, 0664), 0); /* others may have written it */
    assert_true(made(model, &p));
    assert_false(made(model, &p));
    assert_int_equal(count_files(), 2);
}

static void what_is_not_a_file_is_not_followed(void **state)
{
    (void)state;
    const char *model = copy_of("llama"), *real = in_dir("real.pack"), *link = in_dir("x.pack");
    assert_true(made(model, &(struct packed_params){.path = real}));
    assert_int_equal(symlink(real, link), 0);
    assert_true(made(model, &(struct packed_params){.path = link}));
    assert_false(made(model, &(struct packed_params){.path = real}));
    struct stat st;
    assert_true(lstat(link, &st) == 0 && S_ISREG(st.st_mode));
    unlink(link);
    assert_int_equal(mkfifo(link, 0600), 0); /* nor waited for */
    assert_true(made(model, &(struct packed_params){.path = link}));
}

static void changed_data_are_found_by_verify(void **state)
{
    (void)state;
    const char *model = copy_of("llama"), *path = in_dir("x.pack");
    struct packed_params p = {.path = path};
    struct opened o;
    struct err e;
    assert_true(made(model, &p));
    xor_byte(path, -1);
    open_model(&o, model, 2);
    pack(&o, &p);
    assert_false(o.p.made); /* starting does not read the data */
    assert_false(packed_verify(&o.p, o.team, &e));
    assert_int_equal(e.code, ERR_CORRUPT);
    close_model(&o);
}

static void names(void **state)
{
    (void)state;
    char a[PACKED_NAME_BYTES], b[PACKED_NAME_BYTES];
    struct hash digest = {{1}};
    struct err e;
    struct opened o, q;
    open_model(&o, fixture("llama"), 1);
    open_model(&q, fixture("qwen2"), 1);
    check(packed_name(o.g, NULL, a, &e) && packed_name(o.g, NULL, b, &e), &e);
    assert_string_equal(a, b);
    assert_int_equal(strlen(a), 37);
    check(packed_name(q.g, NULL, b, &e), &e);
    assert_string_not_equal(a, b);
    check(packed_name(q.g, &digest, b, &e) && packed_name(o.g, &digest, a, &e), &e);
    assert_string_equal(a, b);
    close_model(&o);
    close_model(&q);
}

/* --- what stands in the way --------------------------------------------------------------------
 */

static void packs_into_memory(const char *path)
{
    struct opened o, plain;
    open_model(&plain, fixture("llama"), 1);
    open_model(&o, fixture("llama"), 2);
    pack(&o, &(struct packed_params){.path = path});
    assert_int_equal(o.p.state, PACKED_MEMORY);
    assert_int_not_equal(o.p.notice.code, ERR_NONE);
    assert_non_null(strstr(o.p.notice.msg, "not kept for the next start"));
    check_model(plain.m, o.m);
    close_model(&o);
    close_model(&plain);
}

static void no_directory(void **state)
{
    (void)state;
    packs_into_memory(in_dir("missing/x.pack"));
    packs_into_memory("/proc/x.pack");
    fclose(fopen(in_dir("file"), "w"));
    packs_into_memory(in_dir("file/x.pack"));
    char *path = malloc(5000);
    memset(path, 'x', 4999);
    path[4999] = '\0';
    packs_into_memory(path);
    free(path);
}

/* A limit on file sizes stands in for a full disk: the write fails. */
static void file_too_large(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){100000, 100000});
        packs_into_memory(in_dir("x.pack"));
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(count_files(), 0);
}

static void disk_full(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("none", dir, "tmpfs", 0, "size=128k") != 0)
            _exit(77);
        packs_into_memory(in_dir("x.pack"));
        _exit(count_files());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- processes ---------------------------------------------------------------------------------
 */

static void die(void *arg, uint64_t done, uint64_t total)
{
    (void)arg;
    (void)done;
    (void)total;
    raise(SIGKILL);
}

static void killed_while_packing(void **state)
{
    (void)state;
    const char *path = in_dir("x.pack");
    pid_t child = fork();
    if (child == 0) {
        struct opened o;
        open_model(&o, fixture("llama"), 1);
        pack(&o, &(struct packed_params){.path = path, .progress = die});
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_true(made(fixture("llama"), &(struct packed_params){.path = path}));
    assert_false(made(fixture("llama"), &(struct packed_params){.path = path}));
    assert_int_equal(count_files(), 1); /* and nothing of the first try */
}

static void slow(void *arg, uint64_t done, uint64_t total)
{
    (void)arg;
    (void)done;
    (void)total;
    usleep(100000);
}

static void two_starts_make_it_once(void **state)
{
    (void)state;
    enum { N = 6 };
    const char *path = in_dir("x.pack");
    int n_made = 0;
    for (int i = 0; i < N; i++) {
        if (fork() != 0)
            continue;
        struct opened o, plain;
        open_model(&plain, fixture("llama"), 1);
        open_model(&o, fixture("llama"), 1);
        pack(&o, &(struct packed_params){.path = path, .progress = slow});
        check_model(plain.m, o.m);
        _exit(o.p.state == PACKED_FILE ? o.p.made : 2);
    }
    for (int i = 0; i < N; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
        n_made += WEXITSTATUS(status);
    }
    assert_int_equal(n_made, 1);
    assert_int_equal(count_files(), 1);
}

/* --- the tool ----------------------------------------------------------------------------------
 */

static int tool(const char *model, const char *path, uint32_t threads)
{
    struct opened o;
    struct err e;
    uint64_t t0 = os_now_ns();
    open_model(&o, model, threads);
    uint64_t t1 = os_now_ns();
    pack(&o, &(struct packed_params){.path = strcmp(path, "-") == 0 ? NULL : path});
    uint64_t t2 = os_now_ns();
    printf("model %.3f s; %s %s %.3f s, %.0f MiB; %llu MiB resident%s%s\n",
           (double)(t1 - t0) * 1e-9,
           o.p.state == PACKED_FILE     ? "file"
           : o.p.state == PACKED_MEMORY ? "memory"
                                        : "rows",
           o.p.made ? "made in" : "mapped in", (double)(t2 - t1) * 1e-9,
           (double)o.p.bytes / 1048576, (unsigned long long)(os_rss_bytes() >> 20),
           o.p.notice.code ? ": " : "", o.p.notice.code ? o.p.notice.msg : "");
    if (o.p.state == PACKED_FILE) {
        check(packed_verify(&o.p, o.team, &e), &e);
        printf("verified in %.3f s\n", (double)(os_now_ns() - t2) * 1e-9);
    }
    close_model(&o);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 3)
        return tool(argv[1], argv[2], argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 2);
    setenv("MOAT_ISA", "ref", 1);
#define TEST(f) cmocka_unit_test_setup_teardown(f, new_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        TEST(the_weights_are_those_of_the_model),
        TEST(a_changed_source_makes_it_stale),
        TEST(a_digest_takes_the_place_of_times),
        TEST(a_damaged_or_foreign_pack_is_made_anew),
        TEST(what_is_not_a_file_is_not_followed),
        TEST(changed_data_are_found_by_verify),
        TEST(names),
        TEST(no_directory),
        TEST(file_too_large),
        TEST(disk_full),
        TEST(killed_while_packing),
        TEST(two_starts_make_it_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
