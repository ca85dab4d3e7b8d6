/* SPDX-License-Identifier: Apache-2.0 */
/* A generated corpus of damaged GGUF files. From small valid files: every field at its boundary
 * values, neighbouring fields in pairs, every truncation, every type, every byte changed, lost and
 * doubled, names made equal. Each file is opened as `moat show` opens it. The reader must agree
 * with the oracle about which are valid, refuse the others with one clear line, and stay under
 * 100 ms and 64 MiB each.
 *
 * With MOAT_CORPUS also every pair of fields, every bit, and damages put together by chance.
 *
 *     test_corpus --dump FOLDER     writes the files instead, for corpus.check.py */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "gguf/oracle.c"
#include "gguf/tiny.h"

enum { MAX_FIELDS = 256, MAX_MS = 100, MAX_MIB = 64 };

static struct {
    unsigned long files, refused, accepted, wrong;
    double slowest_ms;
    const char *dump; /* folder, or NULL */
    int fd;
    char path[64];
} run;

/* --- one file --------------------------------------------------------------------------------- */

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static volatile uint64_t touched;

/* Reads everything a user of the reader may read; the sanitizers watch. */
static void touch(const struct gguf *g)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < g->n_kv; i++)
        for (uint64_t j = 0; j < g->kv[i].n; j++) {
            sum += (uint64_t)gguf_int_at(&g->kv[i], j) + (gguf_float_at(&g->kv[i], j) > 0);
            if (g->kv[i].strings)
                for (size_t k = 0; k < g->kv[i].strings[j].n; k++)
                    sum += (unsigned char)g->kv[i].strings[j].p[k];
        }
    for (uint64_t i = 0; i < g->n_tensors; i++)
        for (uint64_t j = 0; j < g->tensors[i].n_bytes; j++)
            sum += g->tensors[i].data[j];
    touched += sum;
}

static void dump(const void *p, size_t n, bool valid)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%06lu-%s.gguf", run.dump, run.files, valid ? "ok" : "bad");
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(p, 1, n, f) != n || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static bool clear_message(const struct err *e)
{
    size_t n = strlen(e->msg);
    return (e->code == ERR_CORRUPT || e->code == ERR_UNSUPPORTED || e->code == ERR_LIMIT ||
            (e->code == ERR_USAGE && strstr(e->msg, "split"))) &&
           n > strlen(run.path) + 10 && strncmp(e->msg, run.path, strlen(run.path)) == 0 &&
           !strchr(e->msg, '\n') && !strstr(e->msg, "not enough memory");
}

static void wrong(const char *what, const char *how, size_t at, const char *msg)
{
    if (run.wrong++ < 20)
        print_error("%s: %s (byte %zu): %s\n", what, how, at, msg);
}

/* Tries one file; `how` and `at` say what was done to it. */
static void try_file(const void *p, size_t n, const char *how, size_t at)
{
    struct oracle o;
    struct err e = {0};
    bool valid = oracle_valid(&o, p, n);
    run.files++;
    if (run.dump) {
        dump(p, n, valid);
        return;
    }
    must(ftruncate(run.fd, 0) == 0 && pwrite(run.fd, p, n, 0) == (ssize_t)n);
    double start = cpu_ms();
    struct gguf *g = gguf_open(run.path, &e);
    double ms = cpu_ms() - start;
    run.slowest_ms = ms > run.slowest_ms ? ms : run.slowest_ms;
    if (ms > MAX_MS)
        wrong("too slow", how, at, e.msg);
    if ((g != NULL) != valid)
        wrong(valid ? "valid, but refused" : "not valid, but accepted", how, at, e.msg);
    else if (g && (g->n_kv != o.n_kv || g->n_tensors != o.n_tensors))
        wrong("read otherwise", how, at, "");
    else if (!g && !clear_message(&e))
        wrong("unclear refusal", how, at, e.msg);
    if (g)
        touch(g);
    run.refused += !g;
    run.accepted += g != NULL;
    gguf_close(g);
}

/* --- the valid files -------------------------------------------------------------------------- */

enum kind { COUNT, LENGTH, VALUE_TYPE, WEIGHT_TYPE, VALUE };

struct field {
    size_t at;
    unsigned size; /* 4 or 8 */
    enum kind kind;
};

struct base {
    struct buf b;
    struct field f[MAX_FIELDS];
    size_t n;
};

static void u32(struct base *s, uint32_t v, enum kind kind)
{
    must(s->n < MAX_FIELDS);
    s->f[s->n++] = (struct field){s->b.n, 4, kind};
    tiny_u32(&s->b, v);
}

static void u64(struct base *s, uint64_t v, enum kind kind)
{
    must(s->n < MAX_FIELDS);
    s->f[s->n++] = (struct field){s->b.n, 8, kind};
    tiny_u64(&s->b, v);
}

static void text(struct base *s, const char *p)
{
    u64(s, strlen(p), LENGTH);
    buf_cstr(&s->b, p);
}

static void header(struct base *s, uint32_t version, uint64_t n_tensors, uint64_t n_kv)
{
    *s = (struct base){0};
    buf_init(&s->b, 1 << 16);
    buf_cstr(&s->b, "GGUF");
    u32(s, version, COUNT);
    u64(s, n_tensors, COUNT);
    u64(s, n_kv, COUNT);
}

static void key(struct base *s, const char *name, enum gguf_type type)
{
    text(s, name);
    u32(s, (uint32_t)type, VALUE_TYPE);
}

static void array(struct base *s, const char *name, enum gguf_type elem, uint64_t n)
{
    key(s, name, GGUF_ARRAY);
    u32(s, (uint32_t)elem, VALUE_TYPE);
    u64(s, n, COUNT);
}

static void tensor(struct base *s, const char *name, enum dtype type, uint32_t n_dim,
                   const uint64_t *ne, uint64_t offset)
{
    text(s, name);
    u32(s, n_dim, COUNT);
    for (uint32_t i = 0; i < n_dim; i++)
        u64(s, ne[i], COUNT);
    u32(s, (uint32_t)type, WEIGHT_TYPE);
    u64(s, offset, COUNT);
}

/* Every type of value, alone and in arrays. */
static void make_metadata(struct base *s)
{
    header(s, 3, 0, 17);
    key(s, "general.architecture", GGUF_STRING);
    text(s, "llama");
    key(s, "u8", GGUF_U8);
    buf_byte(&s->b, 1);
    key(s, "i8", GGUF_I8);
    buf_byte(&s->b, '\xff');
    key(s, "u16", GGUF_U16);
    buf_add(&s->b, "\1\2", 2);
    key(s, "i16", GGUF_I16);
    buf_add(&s->b, "\1\2", 2);
    key(s, "u32", GGUF_U32);
    u32(s, 7, VALUE);
    key(s, "i32", GGUF_I32);
    u32(s, 7, VALUE);
    key(s, "f32", GGUF_F32);
    u32(s, 0x3f800000, VALUE);
    key(s, "bool", GGUF_BOOL);
    buf_byte(&s->b, 1);
    key(s, "u64", GGUF_U64);
    u64(s, 7, VALUE);
    key(s, "i64", GGUF_I64);
    u64(s, 7, VALUE);
    key(s, "f64", GGUF_F64);
    u64(s, 0x3ff0000000000000, VALUE);
    array(s, "words", GGUF_STRING, 3);
    text(s, "one");
    text(s, "");
    text(s, "drei");
    array(s, "ints", GGUF_I32, 2);
    u32(s, 1, VALUE);
    u32(s, 2, VALUE);
    array(s, "flags", GGUF_BOOL, 3);
    buf_add(&s->b, "\0\1\0", 3);
    array(s, "none", GGUF_F64, 0);
    key(s, "\xce\xb1", GGUF_STRING); /* a key beyond ASCII */
    text(s, "\xff\xfe");             /* a value that is not UTF-8 */
}

/* Tensors of several shapes, not in the order of their data. */
static void make_tensors(struct base *s)
{
    header(s, 2, 5, 4);
    key(s, "general.alignment", GGUF_U32);
    u32(s, 64, VALUE);
    key(s, "split.no", GGUF_U16);
    buf_add(&s->b, "\0\0", 2);
    key(s, "split.count", GGUF_U16);
    buf_add(&s->b, "\1\0", 2);
    key(s, "split.tensors.count", GGUF_I32);
    u32(s, 5, VALUE);
    tensor(s, "a.weight", DTYPE_F32, 1, (uint64_t[]){8}, 0);
    tensor(s, "b.weight", DTYPE_Q4_0, 2, (uint64_t[]){32, 4}, 320);
    tensor(s, "c.weight", DTYPE_Q6_K, 2, (uint64_t[]){256, 1}, 64);
    tensor(s, "d.weight", DTYPE_F16, 3, (uint64_t[]){4, 2, 2}, 448);
    tensor(s, "e.weight", DTYPE_I8, 4, (uint64_t[]){3, 1, 2, 1}, 512);
    tiny_pad(&s->b, 64);
    tiny_fill(&s->b, 512 + 6);
}

/* The plainest model: default alignment, one tensor that ends the file. */
static void make_plain(struct base *s)
{
    header(s, 3, 1, 1);
    key(s, "general.name", GGUF_STRING);
    text(s, "plain");
    tensor(s, "w", DTYPE_Q8_0, 2, (uint64_t[]){32, 2}, 0);
    tiny_pad(&s->b, 32);
    tiny_fill(&s->b, 68);
}

static void (*const makers[])(struct base *) = {make_metadata, make_tensors, make_plain};

/* --- what is done to them --------------------------------------------------------------------- */

static const uint64_t boundaries[] = {
    0,          1,
    0x7fffffff, 0x80000000,
    0xffffffff, 0x100000000,
    INT64_MAX,  (uint64_t)1 << 63,
    UINT64_MAX, UINT64_MAX - 7, /* one that wraps when 8 is added */
};
enum { N_BOUNDARIES = sizeof boundaries / sizeof *boundaries };

static void put(char *p, const struct field *f, uint64_t v)
{
    memcpy(p + f->at, &v, f->size);
}

static uint64_t get(const char *p, const struct field *f)
{
    uint64_t v = 0;
    memcpy(&v, p + f->at, f->size);
    return v;
}

static void try_value(struct base *s, const struct field *f, uint64_t v, const char *how)
{
    uint64_t was = get(s->b.p, f);
    put(s->b.p, f, v);
    if (get(s->b.p, f) != was)
        try_file(s->b.p, s->b.n, how, f->at);
    put(s->b.p, f, was);
}

static void each_field_at_its_boundaries(struct base *s)
{
    for (size_t i = 0; i < s->n; i++) {
        for (size_t v = 0; v < N_BOUNDARIES; v++)
            try_value(s, &s->f[i], boundaries[v], "boundary value");
        for (unsigned shift = 0; shift < 8 * s->f[i].size; shift++)
            try_value(s, &s->f[i], (uint64_t)1 << shift, "power of two");
        uint64_t was = get(s->b.p, &s->f[i]);
        for (uint64_t d = 1; d <= 8; d++) {
            try_value(s, &s->f[i], was + d, "a little more");
            try_value(s, &s->f[i], was - d, "a little less");
        }
    }
}

static void each_pair_of_neighbours(struct base *s)
{
    for (size_t i = 0; i + 1 < s->n; i++) {
        uint64_t was = get(s->b.p, &s->f[i]);
        for (size_t v = 0; v < N_BOUNDARIES; v++) {
            put(s->b.p, &s->f[i], boundaries[v]);
            for (size_t w = 0; w < N_BOUNDARIES; w++)
                try_value(s, &s->f[i + 1], boundaries[w], "pair of boundary values");
        }
        put(s->b.p, &s->f[i], was);
    }
}

static void each_type(struct base *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->f[i].kind == VALUE_TYPE || s->f[i].kind == WEIGHT_TYPE)
            for (uint64_t type = 0; type < 256; type++)
                try_value(s, &s->f[i], type, "type");
}

static void each_truncation(struct base *s)
{
    for (size_t n = 0; n < s->b.n; n++)
        try_file(s->b.p, n, "truncated", n);
}

static void each_byte_changed(struct base *s)
{
    static const unsigned char masks[] = {0x01, 0x20, 0x80, 0xff};
    for (size_t i = 0; i < s->b.n; i++)
        for (size_t m = 0; m < sizeof masks; m++) {
            s->b.p[i] = (char)(s->b.p[i] ^ masks[m]);
            try_file(s->b.p, s->b.n, "bits flipped", i);
            s->b.p[i] = (char)(s->b.p[i] ^ masks[m]);
        }
}

static void each_byte_lost_and_doubled(struct base *s)
{
    char copy[8192];
    must(s->b.n < sizeof copy);
    for (size_t i = 0; i < s->b.n; i++) {
        memcpy(copy, s->b.p, i);
        memcpy(copy + i, s->b.p + i + 1, s->b.n - i - 1);
        try_file(copy, s->b.n - 1, "byte lost", i);
        memcpy(copy, s->b.p, i + 1);
        memcpy(copy + i + 1, s->b.p + i, s->b.n - i);
        try_file(copy, s->b.n + 1, "byte doubled", i);
    }
}

/* Each string's bytes over each other of the same length: duplicate keys and tensors among them. */
static void each_name_for_another(struct base *s)
{
    char was[64];
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < s->n; j++) {
            uint64_t n = get(s->b.p, &s->f[i]);
            if (i == j || s->f[i].kind != LENGTH || s->f[j].kind != LENGTH || n == 0 ||
                n >= sizeof was || get(s->b.p, &s->f[j]) != n)
                continue;
            memcpy(was, s->b.p + s->f[i].at + 8, n);
            memcpy(s->b.p + s->f[i].at + 8, s->b.p + s->f[j].at + 8, n);
            try_file(s->b.p, s->b.n, "name taken", s->f[i].at);
            memcpy(s->b.p + s->f[i].at + 8, was, n);
        }
}

static void try_pair(struct base *s, const struct field *a, const struct field *b)
{
    uint64_t was = get(s->b.p, a);
    for (size_t v = 0; v < N_BOUNDARIES; v++) {
        put(s->b.p, a, boundaries[v]);
        for (size_t w = 0; w < N_BOUNDARIES; w++)
            try_value(s, b, boundaries[w], "pair of boundary values");
    }
    put(s->b.p, a, was);
}

static void each_pair_of_fields(struct base *s)
{
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = i + 2; j < s->n; j++) /* the next was tried with it */
            try_pair(s, &s->f[i], &s->f[j]);
}

static void each_bit(struct base *s)
{
    for (size_t i = 0; i < 8 * s->b.n; i++) {
        s->b.p[i / 8] = (char)(s->b.p[i / 8] ^ (1 << i % 8));
        try_file(s->b.p, s->b.n, "bit", i / 8);
        s->b.p[i / 8] = (char)(s->b.p[i / 8] ^ (1 << i % 8));
    }
}

static uint32_t dice(uint32_t *seed, size_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(*seed >> 8) * n >> 24);
}

/* Two to five damages at once: values, bytes, a cut. */
static void many_at_once(struct base *s)
{
    char copy[8192];
    uint32_t seed = 20261128;
    must(s->b.n < sizeof copy);
    for (size_t i = 0; i < 20000; i++) {
        size_t n = dice(&seed, 4) ? s->b.n : dice(&seed, s->b.n);
        memcpy(copy, s->b.p, s->b.n);
        for (uint32_t k = 2 + dice(&seed, 4); k > 0; k--) {
            if (dice(&seed, 2))
                put(copy, &s->f[dice(&seed, s->n)], boundaries[dice(&seed, N_BOUNDARIES)]);
            else
                copy[dice(&seed, s->b.n)] = (char)dice(&seed, 256);
        }
        try_file(copy, n, "many at once", i);
    }
}

/* --- tests ------------------------------------------------------------------------------------ */

static void sweep(void (*what)(struct base *))
{
    unsigned long before = run.files, wrong_before = run.wrong;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        struct base s;
        makers[i](&s);
        must(!s.b.bad);
        what(&s);
        buf_clear(&s.b);
    }
    print_message("# %lu files\n", run.files - before);
    assert_true(run.files > before);
    assert_int_equal(run.wrong, wrong_before);
}

static void the_undamaged_files_are_valid(void **state)
{
    (void)state;
    unsigned long before = run.accepted;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        struct base s;
        makers[i](&s);
        try_file(s.b.p, s.b.n, "undamaged", 0);
        buf_clear(&s.b);
    }
    assert_int_equal(run.accepted - before, 3);
    assert_int_equal(run.wrong, 0);
}

#define SWEEP(f)                                                                                   \
    static void f##_test(void **state)                                                             \
    {                                                                                              \
        (void)state;                                                                               \
        sweep(f);                                                                                  \
    }
SWEEP(each_field_at_its_boundaries)
SWEEP(each_pair_of_neighbours)
SWEEP(each_type)
SWEEP(each_truncation)
SWEEP(each_byte_changed)
SWEEP(each_byte_lost_and_doubled)
SWEEP(each_name_for_another)
SWEEP(each_pair_of_fields)
SWEEP(each_bit)
SWEEP(many_at_once)

static void none_was_slow_or_large(void **state)
{
    (void)state;
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    print_message("# %lu files: %lu refused, %lu valid and accepted; slowest %.2f ms (limit %d), "
                  "peak memory of the process %.1f MiB (limit %d)\n",
                  run.files, run.refused, run.accepted, run.slowest_ms, MAX_MS,
                  (double)u.ru_maxrss / 1024, MAX_MIB);
    assert_true(run.refused >= 5000);
    assert_true(run.accepted >= 100); /* or the oracle would have nothing to say */
    assert_true(run.slowest_ms < MAX_MS);
    if (!getenv("MOAT_SANITIZED"))
        assert_true(u.ru_maxrss < MAX_MIB * 1024);
}

static void they_are_many(void **state)
{
    (void)state;
    assert_true(run.refused >= 100000);
}

/* No single file can take more: beyond this, allocation fails, and that is no clear refusal. */
static void limit_memory(void)
{
    if (!getenv("MOAT_SANITIZED"))
        setrlimit(RLIMIT_DATA, &(struct rlimit){MAX_MIB << 20, MAX_MIB << 20});
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_undamaged_files_are_valid),
        cmocka_unit_test(each_field_at_its_boundaries_test),
        cmocka_unit_test(each_pair_of_neighbours_test),
        cmocka_unit_test(each_type_test),
        cmocka_unit_test(each_truncation_test),
        cmocka_unit_test(each_byte_changed_test),
        cmocka_unit_test(each_byte_lost_and_doubled_test),
        cmocka_unit_test(each_name_for_another_test),
        cmocka_unit_test(none_was_slow_or_large),
    };
    const struct CMUnitTest more[] = {
        cmocka_unit_test(each_pair_of_fields_test), cmocka_unit_test(each_bit_test),
        cmocka_unit_test(many_at_once_test),        cmocka_unit_test(they_are_many),
        cmocka_unit_test(none_was_slow_or_large),
    };
    run.fd = memfd_create("corpus", MFD_CLOEXEC);
    snprintf(run.path, sizeof run.path, "/proc/self/fd/%d", run.fd);
    if (argc == 3 && strcmp(argv[1], "--dump") == 0) {
        run.dump = argv[2];
        sweep(each_field_at_its_boundaries);
        sweep(each_truncation);
        sweep(each_name_for_another);
        return 0;
    }
    limit_memory();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || !getenv("MOAT_CORPUS") ? failed : cmocka_run_group_tests(more, NULL, NULL);
}
