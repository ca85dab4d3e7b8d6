/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged models: in a small model of each family, every field of the metadata and of the tensor
 * list is set to its boundary values, every type to every other, every name to another. What the
 * model loader accepts must run; what it refuses, it refuses with one clear line. All of it stays
 * under 100 ms and 64 MiB a file, and a tensor of another name or shape is never accepted. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "lab/lab.h"
#include "test.h"

enum { MAX_MS = 100, MAX_MIB = 64 };

static struct {
    int fd;
    char path[64];
    const char *model;
    unsigned long files, refused, accepted, wrong;
    double slowest_ms;
} run;

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void wrong(const char *what, const char *where, uint64_t value, const char *msg)
{
    if (run.wrong++ < 20)
        print_error("%s: %s: %s set to %llu: %s\n", run.model, what, where,
                    (unsigned long long)value, msg);
}

static bool clear_message(const struct err *e)
{
    return (e->code == ERR_CORRUPT || e->code == ERR_UNSUPPORTED || e->code == ERR_LIMIT ||
            (e->code == ERR_USAGE &&
             (strstr(e->msg, "split") || strstr(e->msg, "not below the vocabulary")))) &&
           strlen(e->msg) > 10 && !strchr(e->msg, '\n') && !strstr(e->msg, "not enough memory");
}

static volatile float seen;

static bool look(void *arg, uint32_t i, const float *logits, struct err *e)
{
    (void)arg;
    (void)i;
    (void)e;
    seen = logits[0];
    return true;
}

/* Opens the file as it stands, and lets the model read four tokens. */
static bool opens(struct err *e)
{
    static const struct lab_params p = {
        .n_ctx = 16, .n_seq = 1, .n_batch = 4, .n_logits = 4, .threads = 1};
    static const uint32_t ids[] = {1, 2, 3, 4};
    struct gguf *g = gguf_open(run.path, e);
    struct lab l;
    if (!g || !lab_open(&l, g, &p, e))
        return false;
    bool ok = lab_run(&l, ids, 4, 0, look, NULL, e);
    lab_close(&l);
    return ok;
}

static void try_file(const char *where, uint64_t value, bool must_refuse)
{
    struct err e = {0};
    double start = cpu_ms();
    bool ok = opens(&e);
    double ms = cpu_ms() - start;
    run.slowest_ms = ms > run.slowest_ms ? ms : run.slowest_ms;
    run.files++;
    run.refused += !ok;
    run.accepted += ok;
    if (ok && must_refuse)
        wrong("accepted", where, value, "");
    if (!ok && !clear_message(&e))
        wrong("unclear refusal", where, value, e.msg);
    if (ms > MAX_MS && !getenv("MOAT_SANITIZED"))
        wrong("too slow", where, value, e.msg);
}

/* Sets n bytes at `at`, tries, and sets them back. */
static void try_bytes(const char *where, uint64_t at, const void *p, size_t n, bool must_refuse)
{
    char was[8];
    uint64_t value = 0;
    memcpy(&value, p, n);
    must(n <= sizeof was && pread(run.fd, was, n, (off_t)at) == (ssize_t)n);
    if (memcmp(was, p, n) == 0)
        return;
    must(pwrite(run.fd, p, n, (off_t)at) == (ssize_t)n);
    try_file(where, value, must_refuse);
    must(pwrite(run.fd, was, n, (off_t)at) == (ssize_t)n);
}

static void try_values(const char *where, uint64_t at, size_t n, bool must_refuse)
{
    static const uint64_t values[] = {
        0,
        1,
        2,
        3,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0xffff,
        0x7fffffff,
        1u << 31,
        UINT32_MAX,
        1ull << 32,
        INT64_MAX,
        1ull << 63,
        UINT64_MAX,
        0x3f800000 /* 1.0f */,
        0x7f800000 /* inf */,
        0x7fc00000 /* nan */,
        0x7f7fffff /* largest float */,
        0xbf800000,
    };
    uint64_t was = 0;
    must(pread(run.fd, &was, n, (off_t)at) == (ssize_t)n);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        try_bytes(where, at, &values[i], n, must_refuse);
    for (uint64_t d = 1; d <= 2; d++) {
        try_bytes(where, at, &(uint64_t){was + d}, n, must_refuse);
        try_bytes(where, at, &(uint64_t){was - d}, n, must_refuse);
        try_bytes(where, at, &(uint64_t){was << d}, n, must_refuse);
        try_bytes(where, at, &(uint64_t){was >> d}, n, must_refuse);
    }
}

static void try_types(const char *where, uint64_t at, uint32_t end)
{
    for (uint32_t type = 0; type < end; type++)
        try_bytes(where, at, &type, 4, false);
}

static void rename_at(const char *where, uint64_t at, const char *name, bool must_refuse)
{
    try_bytes(where, at, &(char){(char)(*name ^ 1)}, 1, must_refuse);
}

/* In the file: key, type, value; or key, type, element type, count, values. */
static void damage_kv(const unsigned char *file, const struct gguf_kv *kv)
{
    char where[80];
    uint64_t key_at = (uint64_t)((const unsigned char *)kv->key.p - file);
    uint64_t type_at = key_at + kv->key.n, data_at = (uint64_t)(kv->data - file);
    uint32_t size = gguf_type_bytes(kv->elem);
    snprintf(where, sizeof where, "%.*s", STR_ARG(kv->key));
    rename_at(where, key_at, kv->key.p, false);
    try_types(where, type_at, GGUF_TYPE_COUNT + 1);
    if (kv->type == GGUF_ARRAY) {
        try_types(where, type_at + 4, GGUF_TYPE_COUNT + 1);
        try_values(where, type_at + 8, 8, false);
    }
    if (size) {
        try_values(where, data_at, size, false);
        if (kv->n > 1)
            try_values(where, data_at + (kv->n - 1) * size, size, false);
    } else {
        try_values(where, kv->type == GGUF_STRING ? data_at - 8 : data_at, 8, false);
    }
}

/* In the file: name, number of dimensions, dimensions, type, offset. */
static void damage_tensor(const unsigned char *file, const struct gguf_tensor *t)
{
    char where[80];
    uint64_t name_at = (uint64_t)((const unsigned char *)t->name.p - file);
    uint64_t at = name_at + t->name.n;
    snprintf(where, sizeof where, "%.*s", STR_ARG(t->name));
    /* the layers of these that are for drafting are not read */
    bool draft = (strcmp(run.model, "qwen35") == 0 || strcmp(run.model, "glm4moe") == 0) &&
                 strncmp(where, "blk.3.", 6) == 0;
    rename_at(where, name_at, t->name.p, true);
    try_values(where, at, 4, !draft);
    for (uint32_t i = 0; i < t->n_dim; i++) { /* a vocabulary may have any size */
        bool vocabulary = i == 1 && str_is(t->name, "token_embd.weight");
        try_values(where, at + 4 + 8 * i, 8, !vocabulary && !draft);
    }
    try_types(where, at + 4 + 8 * t->n_dim, DTYPE_COUNT + 8);
    try_values(where, at + 8 + 8 * t->n_dim, 8, false);
}

static void load(const char *path)
{
    struct buf b;
    struct err e;
    buf_init(&b, 1 << 22);
    assert_true(buf_read_file(&b, path, &e));
    assert_int_equal(ftruncate(run.fd, 0), 0);
    assert_int_equal(pwrite(run.fd, b.p, b.n, 0), (ssize_t)b.n);
    buf_clear(&b);
}

static void family(void **state)
{
    char path[256];
    struct err e = {0};
    unsigned long before = run.wrong;
    run.model = *state;
    snprintf(path, sizeof path, "tests/data/arch/%s.gguf", run.model);
    load(path);
    if (!opens(&e))
        fail_msg("%s\n", e.msg);
    struct gguf *g = gguf_open(run.path, &e);
    assert_non_null(g);
    const unsigned char *file = g->tensors[0].data - g->tensors[0].file_offset;
    for (uint64_t i = 0; i < g->n_kv; i++)
        damage_kv(file, &g->kv[i]);
    for (uint64_t i = 0; i < g->n_tensors; i++)
        damage_tensor(file, &g->tensors[i]);
    gguf_close(g);
    assert_true(opens(&e)); /* all was set back */
    assert_int_equal(run.wrong, before);
}

static void none_was_slow_or_large(void **state)
{
    (void)state;
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    print_message("# %lu models: %lu refused, %lu accepted and run; slowest %.2f ms (limit %d), "
                  "peak memory of the process %.1f MiB (limit %d)\n",
                  run.files, run.refused, run.accepted, run.slowest_ms, MAX_MS,
                  (double)u.ru_maxrss / 1024, MAX_MIB);
    assert_true(run.refused >= 5000 && run.accepted >= 500);
    if (!getenv("MOAT_SANITIZED"))
        assert_true(u.ru_maxrss < MAX_MIB * 1024);
}

#define FAMILY(name)                                                                               \
    {                                                                                              \
        name, family, NULL, NULL, (void *)(uintptr_t)(name)                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAMILY("llama"),     FAMILY("llama-moe"),    FAMILY("qwen2"),
        FAMILY("qwen3"),     FAMILY("qwen3moe"),     FAMILY("gemma3"),
        FAMILY("gemma2"),    FAMILY("qwen2moe"),     FAMILY("granite"),
        FAMILY("glm4-axes"), FAMILY("cohere2"),      FAMILY("phi3"),
        FAMILY("falcon"),    FAMILY("gpt2"),         FAMILY("deepseek2"),
        FAMILY("gpt-oss"),   FAMILY("lfm2"),         FAMILY("deepseek2-heads"),
        FAMILY("lfm2moe"),   FAMILY("qwen3next"),    FAMILY("qwen35"),
        FAMILY("mamba2"),    FAMILY("falcon-h1"),    FAMILY("stablelm-12b"),
        FAMILY("glm4moe"),   FAMILY("ernie4_5-moe"), cmocka_unit_test(none_was_slow_or_large),
    };
    run.fd = memfd_create("model", MFD_CLOEXEC);
    snprintf(run.path, sizeof run.path, "/proc/self/fd/%d", run.fd);
    if (!getenv("MOAT_SANITIZED"))
        setrlimit(RLIMIT_DATA, &(struct rlimit){MAX_MIB << 20, MAX_MIB << 20});
    return cmocka_run_group_tests(tests, NULL, NULL);
}
