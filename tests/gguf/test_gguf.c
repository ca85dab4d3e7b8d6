/* SPDX-License-Identifier: Apache-2.0 */
/* tests of gguf/gguf: what is refused and with which words, and what is read. Sweeps over every
 * field are in test_corpus.c. */
#include "gguf/tiny.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/limits.h"

/* Milliseconds of processor time for a refusal. The largest tables take about 50; leave room for
 * slow machines. test_corpus.c holds small files to 100. */
enum { MAX_MS = 400 };

static double cpu_ms(void)
{
    return (double)clock() * 1e3 / CLOCKS_PER_SEC;
}

/* Opening b must fail with this code and these words; clears b. */
static void refused(struct buf *b, enum err_code code, const char *words)
{
    struct err e = {0};
    assert_false(b->bad);
    int fd = tiny_file(b->p, b->n);
    double start = cpu_ms();
    struct gguf *g = gguf_take_fd(fd, "test.gguf", &e);
    assert_true(cpu_ms() - start < (getenv("MOAT_SANITIZED") ? 5 * MAX_MS : MAX_MS));
    assert_null(g);
    if (e.code != code || !strstr(e.msg, words))
        print_error("got [%s] %s\n", err_name(e.code), e.msg);
    assert_int_equal(e.code, code);
    assert_non_null(strstr(e.msg, words));
    assert_non_null(strstr(e.msg, "test.gguf"));
    buf_clear(b);
}

static struct gguf *accepted(struct buf *b)
{
    struct err e = {0};
    assert_false(b->bad);
    struct gguf *g = tiny_open(b->p, b->n, &e);
    if (!g)
        print_error("%s\n", e.msg);
    assert_non_null(g);
    buf_clear(b);
    return g;
}

static void bytes_of(struct buf *b, const void *p, size_t n)
{
    buf_init(b, 1 << 16);
    buf_add(b, p, n);
}

/* --- the header ------------------------------------------------------------------------------- */

static void other_files_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *p;
        size_t n;
        enum err_code code;
        const char *words;
    } rows[] = {
        {"", 0, ERR_CORRUPT, "is empty"},
        {"G", 1, ERR_UNSUPPORTED, "not a GGUF model"},
        {"GGU", 3, ERR_UNSUPPORTED, "not a GGUF model"},
        {"GGUF", 4, ERR_CORRUPT, "truncated"},
        {"GGUF\3\0\0\0", 8, ERR_CORRUPT, "truncated"},
        {"PK\3\4abcdefgh", 12, ERR_UNSUPPORTED, "zip"},
        {"<!DOCTYPE html><html>", 21, ERR_UNSUPPORTED, "web page"},
        {"<html>", 6, ERR_UNSUPPORTED, "web page"},
        {"version https://git-lfs.github.com/spec/v1\n", 43, ERR_UNSUPPORTED, "LFS"},
        {"\x10\0\0\0\0\0\0\0{\"a\":1}", 15, ERR_UNSUPPORTED, "safetensors"},
        {"tjgg\1\0\0\0", 8, ERR_UNSUPPORTED, "GGJT"},
        {"hello world", 11, ERR_UNSUPPORTED, "does not begin"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b;
        bytes_of(&b, rows[i].p, rows[i].n);
        refused(&b, rows[i].code, rows[i].words);
    }
}

static void versions(void **state)
{
    (void)state;
    struct buf b;
    for (uint32_t v = 2; v <= 3; v++) {
        tiny_header(&b, v, 0, 0);
        struct gguf *g = accepted(&b);
        assert_int_equal(g->version, v);
        assert_int_equal(g->alignment, 32);
        gguf_close(g);
    }
    tiny_header(&b, 1, 0, 0);
    refused(&b, ERR_UNSUPPORTED, "version 1");
    tiny_header(&b, 4, 0, 0);
    refused(&b, ERR_UNSUPPORTED, "version 4");
    tiny_header(&b, 0, 0, 0);
    refused(&b, ERR_UNSUPPORTED, "version 0");
    tiny_header(&b, 3u << 24, 0, 0);
    refused(&b, ERR_UNSUPPORTED, "big-endian");
    tiny_header(&b, 2u << 24, 0, 0);
    refused(&b, ERR_UNSUPPORTED, "big-endian");
}

static void counts_are_checked_before_memory_is_taken(void **state)
{
    (void)state;
    struct buf b;
    tiny_header(&b, 3, 0, LIMIT_GGUF_KV + 1);
    refused(&b, ERR_LIMIT, "limit");
    tiny_header(&b, 3, LIMIT_GGUF_TENSORS + 1, 0);
    refused(&b, ERR_LIMIT, "limit");
    tiny_header(&b, 3, UINT64_MAX, UINT64_MAX);
    refused(&b, ERR_LIMIT, "limit");
    tiny_header(&b, 3, LIMIT_GGUF_TENSORS, LIMIT_GGUF_KV);
    refused(&b, ERR_CORRUPT, "truncated");
    tiny_header(&b, 3, 1, 0);
    refused(&b, ERR_CORRUPT, "truncated or damaged: 24 bytes, needs at least 57");
}

/* --- metadata --------------------------------------------------------------------------------- */

static void kv_head(struct buf *b, const char *key, uint32_t type)
{
    tiny_header(b, 3, 0, 1);
    tiny_str(b, key);
    tiny_u32(b, type);
}

static void array_head(struct buf *b, uint32_t elem, uint64_t n)
{
    kv_head(b, "k", GGUF_ARRAY);
    tiny_u32(b, elem);
    tiny_u64(b, n);
}

static void bad_keys(void **state)
{
    (void)state;
    struct buf b;
    kv_head(&b, "", GGUF_U32);
    tiny_u64(&b, 1);
    refused(&b, ERR_CORRUPT, "empty key");
    kv_head(&b, "a\xff", GGUF_U32);
    tiny_u32(&b, 1);
    refused(&b, ERR_CORRUPT, "UTF-8");
    kv_head(&b, "a\xc0\x80", GGUF_U32);
    tiny_u32(&b, 1);
    refused(&b, ERR_CORRUPT, "UTF-8");
    static const char *const control[] = {"a\nb", "\x1b[2J", "a\x1f", "\x7f"};
    for (size_t i = 0; i < 4; i++) {
        kv_head(&b, control[i], GGUF_U32);
        tiny_u32(&b, 1);
        refused(&b, ERR_CORRUPT, "control");
    }
    tiny_header(&b, 3, 0, 1);
    tiny_u64(&b, LIMIT_GGUF_NAME + 1);
    tiny_fill(&b, LIMIT_GGUF_NAME + 100);
    refused(&b, ERR_LIMIT, "limit");
    tiny_header(&b, 3, 0, 1);
    tiny_u64(&b, UINT64_MAX);
    tiny_fill(&b, 40);
    refused(&b, ERR_CORRUPT, "entry 1 of 1");
}

static void duplicate_keys(void **state)
{
    (void)state;
    struct buf b;
    tiny_header(&b, 3, 0, 2);
    for (int i = 0; i < 2; i++) {
        tiny_str(&b, "general.name");
        tiny_u32(&b, GGUF_U32);
        tiny_u32(&b, 7);
    }
    refused(&b, ERR_CORRUPT, "general.name is there twice");
}

static void bad_values(void **state)
{
    (void)state;
    struct buf b;
    kv_head(&b, "k.x", GGUF_TYPE_COUNT);
    tiny_u64(&b, 0);
    refused(&b, ERR_CORRUPT, "k.x");
    kv_head(&b, "k", GGUF_BOOL);
    buf_byte(&b, 2);
    refused(&b, ERR_CORRUPT, "boolean");
    kv_head(&b, "k", GGUF_U64);
    tiny_u32(&b, 2);
    refused(&b, ERR_CORRUPT, "truncated");
    kv_head(&b, "k", GGUF_STRING);
    tiny_u64(&b, 1);
    refused(&b, ERR_CORRUPT, "truncated");
    kv_head(&b, "k", GGUF_STRING);
    tiny_u64(&b, UINT64_MAX - 3);
    refused(&b, ERR_CORRUPT, "damaged");
}

static void bad_arrays(void **state)
{
    (void)state;
    struct buf b;
    array_head(&b, GGUF_ARRAY, 0);
    refused(&b, ERR_UNSUPPORTED, "(k): an array of arrays");
    array_head(&b, GGUF_TYPE_COUNT, 0);
    refused(&b, ERR_CORRUPT, "unknown type 13");
    array_head(&b, GGUF_F64, (UINT64_MAX >> 3) + 1);
    refused(&b, ERR_CORRUPT, "damaged");
    array_head(&b, GGUF_U8, 9);
    tiny_u64(&b, 0);
    refused(&b, ERR_CORRUPT, "truncated");
    array_head(&b, GGUF_BOOL, 3);
    buf_add(&b, "\0\1\3", 3);
    refused(&b, ERR_CORRUPT, "boolean");
    array_head(&b, GGUF_STRING, 3);
    tiny_str(&b, "one");
    tiny_str(&b, "two");
    tiny_u64(&b, 4);
    refused(&b, ERR_CORRUPT, "element 2");
    array_head(&b, GGUF_STRING, (uint64_t)LIMIT_GGUF_STRINGS + 1);
    refused(&b, ERR_CORRUPT, "truncated");
}

static void alignment(void **state)
{
    (void)state;
    static const uint32_t bad[] = {0, 1, 2, 3, 4, 12, 33, 1u << 21, UINT32_MAX};
    struct buf b;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        kv_head(&b, "general.alignment", GGUF_U32);
        tiny_u32(&b, bad[i]);
        refused(&b, ERR_CORRUPT, "general.alignment");
    }
    kv_head(&b, "general.alignment", GGUF_STRING);
    tiny_str(&b, "32");
    refused(&b, ERR_CORRUPT, "general.alignment must be an unsigned 32-bit integer, not string");
    kv_head(&b, "general.alignment", GGUF_U32);
    tiny_u32(&b, 64);
    struct gguf *g = accepted(&b);
    assert_int_equal(g->alignment, 64);
    gguf_close(g);
}

/* --- values ----------------------------------------------------------------------------------- */

static struct gguf *model_with_values(void)
{
    struct gguf_writer w;
    struct buf b;
    struct err e;
    static const struct str words[] = {{"alpha", 5}, {"", 0}, {"\xff\0x", 3}};
    gguf_write_init(&w, 32);
    gguf_write_u32(&w, "u32", 4000000000u);
    gguf_write_scalar(&w, "u8", GGUF_U8, &(uint8_t){200});
    gguf_write_scalar(&w, "i8", GGUF_I8, &(int8_t){-100});
    gguf_write_scalar(&w, "u16", GGUF_U16, &(uint16_t){60000});
    gguf_write_scalar(&w, "i16", GGUF_I16, &(int16_t){-30000});
    gguf_write_scalar(&w, "i32", GGUF_I32, &(int32_t){-2000000000});
    gguf_write_scalar(&w, "u64", GGUF_U64, &(uint64_t){UINT64_MAX});
    gguf_write_scalar(&w, "i64", GGUF_I64, &(int64_t){INT64_MIN});
    gguf_write_scalar(&w, "small", GGUF_I64, &(int64_t){42});
    gguf_write_scalar(&w, "f64", GGUF_F64, &(double){1e300});
    gguf_write_scalar(&w, "nan", GGUF_F32, &(uint32_t){0x7fc00000});
    gguf_write_f32(&w, "f32", -2.75f);
    gguf_write_bool(&w, "yes", true);
    gguf_write_bool(&w, "no", false);
    gguf_write_str(&w, "text", STR("h\303\251llo"));
    gguf_write_strs(&w, "words", words, 3);
    gguf_write_array(&w, "ints", GGUF_I16, (int16_t[]){-1, 2, 3}, 3);
    gguf_write_array(&w, "floats", GGUF_F32, (float[]){0.5f, -1e30f}, 2);
    gguf_write_array(&w, "none", GGUF_F32, NULL, 0);
    buf_init(&b, 1 << 20);
    assert_true(gguf_write_bytes(&w, &b, &e));
    gguf_write_clear(&w);
    return accepted(&b);
}

static void values_are_read(void **state)
{
    (void)state;
    struct gguf *g = model_with_values();
    assert_int_equal(gguf_int_at(gguf_find(g, "u8"), 0), 200);
    assert_int_equal(gguf_int_at(gguf_find(g, "i8"), 0), -100);
    assert_int_equal(gguf_int_at(gguf_find(g, "u16"), 0), 60000);
    assert_int_equal(gguf_int_at(gguf_find(g, "i16"), 0), -30000);
    assert_int_equal(gguf_int_at(gguf_find(g, "u32"), 0), 4000000000);
    assert_int_equal(gguf_int_at(gguf_find(g, "i32"), 0), -2000000000);
    assert_true(gguf_int_at(gguf_find(g, "u64"), 0) == INT64_MAX); /* saturates */
    assert_true(gguf_float_at(gguf_find(g, "u64"), 0) == 0x1p64);
    assert_true(gguf_uint_at(gguf_find(g, "u64"), 0) == UINT64_MAX);
    assert_int_equal(gguf_uint_at(gguf_find(g, "u16"), 0), 60000);
    assert_int_equal(gguf_uint_at(gguf_find(g, "i8"), 0), 0);
    assert_int_equal(gguf_uint_at(gguf_find(g, "u64"), 1), 0);
    assert_true(gguf_int_at(gguf_find(g, "i64"), 0) == INT64_MIN);
    assert_int_equal(gguf_int_at(gguf_find(g, "f32"), 0), -2);
    assert_true(gguf_int_at(gguf_find(g, "f64"), 0) == INT64_MAX);
    assert_int_equal(gguf_int_at(gguf_find(g, "nan"), 0), 0);
    assert_int_equal(gguf_int_at(gguf_find(g, "yes"), 0), 1);
    assert_true(gguf_float_at(gguf_find(g, "f32"), 0) == -2.75);
    assert_int_equal(gguf_int_at(gguf_find(g, "ints"), 0), -1);
    assert_int_equal(gguf_int_at(gguf_find(g, "ints"), 2), 3);
    assert_int_equal(gguf_int_at(gguf_find(g, "ints"), 3), 0); /* past the end */
    assert_true(gguf_float_at(gguf_find(g, "floats"), 1) == (double)-1e30f);
    assert_true(gguf_int_at(gguf_find(g, "floats"), 1) == INT64_MIN);
    assert_int_equal(gguf_find(g, "none")->n, 0);
    assert_int_equal(gguf_int_at(gguf_find(g, "text"), 0), 0);
    const struct gguf_kv *words = gguf_find(g, "words");
    assert_int_equal(words->n, 3);
    assert_true(str_is(words->strings[0], "alpha"));
    assert_int_equal(words->strings[1].n, 0);
    assert_memory_equal(words->strings[2].p, "\xff\0x", 3);
    assert_null(gguf_find(g, "absent"));
    gguf_close(g);
}

static void typed_access(void **state)
{
    (void)state;
    struct gguf *g = model_with_values();
    struct err e = {0};
    uint32_t u = 1;
    float f = 2;
    bool b = true;
    struct str s = STR("was");
    assert_true(gguf_get_u32(g, "absent", &u, &e) && gguf_get_f32(g, "absent", &f, &e));
    assert_true(gguf_get_bool(g, "absent", &b, &e) && gguf_get_str(g, "absent", &s, &e));
    assert_true(u == 1 && f == 2 && b && str_is(s, "was"));
    assert_true(gguf_get_u32(g, "small", &u, &e) && u == 42);
    assert_true(gguf_get_u32(g, "u32", &u, &e) && u == 4000000000u);
    static const char *const bad_u32[] = {"i8", "u64", "i64", "f32", "yes", "text", "ints", "nan"};
    for (size_t i = 0; i < sizeof bad_u32 / sizeof *bad_u32; i++) {
        assert_false(gguf_get_u32(g, bad_u32[i], &u, &e));
        assert_int_equal(e.code, ERR_CORRUPT);
        assert_non_null(strstr(e.msg, bad_u32[i]));
    }
    assert_true(gguf_get_f32(g, "f32", &f, &e) && f == -2.75f);
    assert_true(gguf_get_f32(g, "i16", &f, &e) && f == -30000);
    assert_false(gguf_get_f32(g, "nan", &f, &e));
    assert_false(gguf_get_f32(g, "f64", &f, &e)); /* 1e300 is no float */
    assert_false(gguf_get_f32(g, "yes", &f, &e));
    assert_true(gguf_get_bool(g, "no", &b, &e) && !b);
    assert_false(gguf_get_bool(g, "u8", &b, &e));
    assert_true(gguf_get_str(g, "text", &s, &e) && str_is(s, "h\303\251llo"));
    assert_false(gguf_get_str(g, "words", &s, &e));
    gguf_close(g);
}

/* --- tensors ---------------------------------------------------------------------------------- */

static void two_tensors(struct buf *b, uint64_t first, uint64_t second)
{
    tiny_header(b, 3, 2, 0);
    tiny_tensor(b, "a", 8, first);
    tiny_tensor(b, "b", 4, second);
    tiny_pad(b, 32);
    tiny_fill(b, 32 + 16);
}

static void tensors_are_placed(void **state)
{
    (void)state;
    struct buf b;
    two_tensors(&b, 0, 32);
    struct gguf *g = accepted(&b);
    assert_int_equal(g->n_tensors, 2);
    assert_int_equal(g->tensors[0].n_bytes, 32);
    assert_int_equal(g->tensors[1].file_offset, g->tensors[0].file_offset + 32);
    assert_int_equal(g->tensors[0].data[31], 1);
    assert_int_equal(g->tensors[0].ne[3], 1);
    assert_ptr_equal(gguf_tensor_find(g, STR("b")), &g->tensors[1]);
    assert_null(gguf_tensor_find(g, STR("c")));
    gguf_close(g);
    tiny_header(&b, 3, 2, 0); /* data in the other order, with a gap */
    tiny_tensor(&b, "a", 8, 96);
    tiny_tensor(&b, "b", 4, 32);
    tiny_pad(&b, 32);
    tiny_fill(&b, 96 + 32);
    g = accepted(&b);
    assert_ptr_equal(g->tensors[0].data - 64, g->tensors[1].data);
    gguf_close(g);
}

static void tensors_must_not_overlap(void **state)
{
    (void)state;
    struct buf b;
    two_tensors(&b, 0, 0);
    refused(&b, ERR_CORRUPT, "tensors a and b overlap");
    tiny_header(&b, 3, 2, 0);
    tiny_tensor(&b, "late", 16, 32); /* 32..96 */
    tiny_tensor(&b, "early", 16, 0); /* 0..64 */
    tiny_pad(&b, 32);
    tiny_fill(&b, 96);
    refused(&b, ERR_CORRUPT, "tensors early and late overlap");
}

static void tensors_must_lie_in_the_file(void **state)
{
    (void)state;
    struct buf b;
    two_tensors(&b, 0, 64);
    refused(&b, ERR_CORRUPT, "truncated: 144 bytes, needs 176; download it again");
    two_tensors(&b, 0, UINT64_MAX - 31);
    refused(&b, ERR_CORRUPT, "tensor b: its place is past");
    two_tensors(&b, 0, (uint64_t)INT64_MAX - 31);
    refused(&b, ERR_CORRUPT, "past");
    two_tensors(&b, 0, 33);
    refused(&b, ERR_CORRUPT, "tensor b: offset 33 is not a multiple of 32");
    tiny_header(&b, 3, 1, 0);
    tiny_tensor(&b, "a", 8, 0);
    refused(&b, ERR_CORRUPT, "truncated"); /* no padding, no data */
}

/* One tensor "t" with this shape and type, over 4 KiB of data. */
static void shaped(struct buf *b, uint32_t n_dim, const uint64_t *ne, uint32_t type)
{
    tiny_header(b, 3, 1, 0);
    tiny_str(b, "t");
    tiny_u32(b, n_dim);
    for (uint32_t i = 0; i < n_dim; i++)
        tiny_u64(b, ne[i]);
    tiny_u32(b, type);
    tiny_u64(b, 0);
    tiny_pad(b, 32);
    tiny_fill(b, 4096);
}

static void shapes(void **state)
{
    (void)state;
    const uint64_t big = (uint64_t)1 << 32, ok[] = {32, 2, 3, 1, 1};
    struct buf b;
    shaped(&b, 4, ok, DTYPE_Q8_0);
    struct gguf *g = accepted(&b);
    assert_int_equal(g->tensors[0].n_bytes, 34 * 6);
    assert_int_equal(g->tensors[0].row_bytes, 34);
    gguf_close(g);
    shaped(&b, 5, ok, DTYPE_F32);
    refused(&b, ERR_CORRUPT, "5 dimensions");
    shaped(&b, 0, ok, DTYPE_F32);
    refused(&b, ERR_CORRUPT, "0 dimensions");
    shaped(&b, 3, (uint64_t[]){32, 0, 1}, DTYPE_F32);
    refused(&b, ERR_CORRUPT, "dimension 2 is zero");
    shaped(&b, 2, (uint64_t[]){33, 1}, DTYPE_Q8_0);
    refused(&b, ERR_CORRUPT, "whole Q8_0 blocks of 32");
    shaped(&b, 2, (uint64_t[]){big, big}, DTYPE_F32);
    refused(&b, ERR_CORRUPT, "larger than any file");
    shaped(&b, 4, (uint64_t[]){big, big, big, big}, DTYPE_I8);
    refused(&b, ERR_CORRUPT, "larger than any file");
    shaped(&b, 4, (uint64_t[]){1, big, big, 1}, DTYPE_I8); /* wraps to 0 rows */
    refused(&b, ERR_CORRUPT, "larger than any file");
    shaped(&b, 2, (uint64_t[]){(uint64_t)1 << 62, 1}, DTYPE_F32); /* wraps to 0 bytes */
    refused(&b, ERR_CORRUPT, "larger than any file");
    shaped(&b, 1, (uint64_t[]){32}, 31);
    refused(&b, ERR_UNSUPPORTED, "weight type 31");
    shaped(&b, 1, (uint64_t[]){32}, UINT32_MAX);
    refused(&b, ERR_UNSUPPORTED, "weight type 4294967295");
}

static void bad_tensor_names(void **state)
{
    (void)state;
    struct buf b;
    char name[LIMIT_GGUF_TENSOR_NAME + 2];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    static const struct {
        const char *name;
        enum err_code code;
        const char *words;
    } rows[] = {
        {"", ERR_CORRUPT, "empty tensor name"},
        {"\xed\xa0\x80", ERR_CORRUPT, "UTF-8"},
        {"a\x1b[2J", ERR_CORRUPT, "control"},
    };
    for (size_t i = 0; i < 3; i++) {
        tiny_header(&b, 3, 1, 0);
        tiny_tensor(&b, rows[i].name, 8, 0);
        tiny_fill(&b, 100);
        refused(&b, rows[i].code, rows[i].words);
    }
    tiny_header(&b, 3, 1, 0);
    tiny_tensor(&b, name, 8, 0);
    tiny_fill(&b, 100);
    refused(&b, ERR_LIMIT, "257 bytes");
    tiny_header(&b, 3, 2, 0);
    tiny_tensor(&b, "a", 8, 0);
    tiny_tensor(&b, "a", 8, 32);
    tiny_fill(&b, 100);
    refused(&b, ERR_CORRUPT, "tensor a is there twice");
}

/* The largest tables the caps allow, damaged at their very end: still little time and memory. */
static void the_largest_tables(void **state)
{
    (void)state;
    struct buf b;
    char name[16];
    tiny_header(&b, 3, 0, LIMIT_GGUF_KV);
    b.max = (size_t)1 << 26;
    for (unsigned i = 0; i < LIMIT_GGUF_KV; i++) {
        snprintf(name, sizeof name, "%u", i + 1 < LIMIT_GGUF_KV ? i : 7);
        tiny_str(&b, name);
        tiny_u32(&b, GGUF_U8);
        buf_byte(&b, 1);
    }
    refused(&b, ERR_CORRUPT, "key 7 is there twice");
    tiny_header(&b, 3, LIMIT_GGUF_TENSORS, 0);
    b.max = (size_t)1 << 26;
    for (unsigned i = 0; i < LIMIT_GGUF_TENSORS; i++) {
        snprintf(name, sizeof name, "%u", i);
        tiny_tensor(&b, name, 8, (uint64_t)32 * (i * 40503 % LIMIT_GGUF_TENSORS));
    }
    tiny_pad(&b, 32);
    size_t n = b.n + (size_t)32 * LIMIT_GGUF_TENSORS;
    while (b.n < n)
        tiny_u64(&b, 0);
    gguf_close(accepted(&b));
    tiny_header(&b, 3, 0, 2);
    b.max = (size_t)1 << 26;
    tiny_str(&b, "k");
    tiny_u32(&b, GGUF_ARRAY);
    tiny_u32(&b, GGUF_STRING);
    tiny_u64(&b, LIMIT_GGUF_STRINGS);
    for (unsigned i = 0; i < LIMIT_GGUF_STRINGS; i++)
        tiny_u64(&b, 0);
    tiny_str(&b, "k");
    tiny_u32(&b, GGUF_U64);
    tiny_u64(&b, 0);
    refused(&b, ERR_CORRUPT, "key k is there twice");
}

/* --- split models ----------------------------------------------------------------------------- */

struct part {
    uint16_t no, count;
    int32_t tensors; /* all parts together; < 0: key left out */
    const char *tensor;
};

static void write_part(const char *dir, const char *name, struct part p)
{
    struct gguf_writer w;
    struct err e;
    char path[512];
    float data[8] = {(float)p.no};
    gguf_write_init(&w, 32);
    if (p.no == 0)
        gguf_write_str(&w, "general.architecture", STR("llama"));
    gguf_write_scalar(&w, "split.no", GGUF_U16, &p.no);
    gguf_write_scalar(&w, "split.count", GGUF_U16, &p.count);
    if (p.tensors >= 0)
        gguf_write_scalar(&w, "split.tensors.count", GGUF_I32, &p.tensors);
    gguf_write_tensor(&w, p.tensor, DTYPE_F32, 1, (uint64_t[4]){8}, data);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_true(gguf_write_file(&w, path, &e));
    gguf_write_clear(&w);
}

static struct gguf *open_in(const char *dir, const char *name, struct err *e)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return gguf_open(path, e);
}

static void remove_in(const char *dir, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    unlink(path);
}

static char dir[] = "/tmp/moat-test-XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir + sizeof dir - 7, "XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    write_part(dir, "m-00001-of-00003.gguf", (struct part){0, 3, 3, "a"});
    write_part(dir, "m-00002-of-00003.gguf", (struct part){1, 3, 3, "b"});
    write_part(dir, "m-00003-of-00003.gguf", (struct part){2, 3, 3, "c"});
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    static const char *const names[] = {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf",
                                        "m-00003-of-00003.gguf", "other.gguf"};
    for (size_t i = 0; i < 4; i++)
        remove_in(dir, names[i]);
    return rmdir(dir);
}

static void split_files_are_joined(void **state)
{
    (void)state;
    struct err e;
    static const char *const names[] = {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf",
                                        "m-00003-of-00003.gguf"};
    for (int named = 0; named < 3; named++) {
        struct gguf *g = open_in(dir, names[named], &e);
        assert_non_null(g);
        assert_int_equal(g->n_splits, 3);
        assert_int_equal(g->n_tensors, 3);
        for (uint32_t i = 0; i < 3; i++) {
            float v;
            memcpy(&v, g->tensors[i].data, sizeof v);
            assert_true(v == (float)i);
            assert_int_equal(g->tensors[i].split, i);
            assert_int_equal(g->tensors[i].name.p[0], 'a' + i);
        }
        struct str arch = {0};
        assert_true(gguf_get_str(g, "general.architecture", &arch, &e) && str_is(arch, "llama"));
        assert_ptr_equal(gguf_tensor_find(g, STR("c")), &g->tensors[2]);
        gguf_close(g);
    }
}

static void refused_split(const char *name, enum err_code code, const char *words)
{
    struct err e;
    assert_null(open_in(dir, name, &e));
    if (e.code != code || !strstr(e.msg, words))
        print_error("got [%s] %s\n", err_name(e.code), e.msg);
    assert_int_equal(e.code, code);
    assert_non_null(strstr(e.msg, words));
}

static void split_part_missing(void **state)
{
    (void)state;
    remove_in(dir, "m-00002-of-00003.gguf");
    refused_split("m-00001-of-00003.gguf", ERR_NOT_FOUND, "m-00002-of-00003.gguf, part 2 of 3");
    refused_split("m-00003-of-00003.gguf", ERR_NOT_FOUND, "part 2 of 3");
}

static void split_parts_mixed_up(void **state)
{
    (void)state;
    write_part(dir, "m-00002-of-00003.gguf", (struct part){2, 3, 3, "b"});
    refused_split("m-00001-of-00003.gguf", ERR_CORRUPT, "says it is part 3 of 3, not part 2 of 3");
    write_part(dir, "m-00002-of-00003.gguf", (struct part){1, 4, 3, "b"});
    refused_split("m-00001-of-00003.gguf", ERR_CORRUPT, "part 2 of 4");
    write_part(dir, "m-00002-of-00003.gguf", (struct part){1, 3, 3, "a"});
    refused_split("m-00001-of-00003.gguf", ERR_CORRUPT, "tensor a is there twice");
    write_part(dir, "m-00002-of-00003.gguf", (struct part){1, 3, 3, "b"});
    write_part(dir, "m-00001-of-00003.gguf", (struct part){0, 3, 4, "a"});
    refused_split("m-00001-of-00003.gguf", ERR_CORRUPT, "split.tensors.count says 4");
}

static void split_file_with_another_name(void **state)
{
    (void)state;
    write_part(dir, "other.gguf", (struct part){1, 3, 3, "b"});
    refused_split("other.gguf", ERR_USAGE, "must end in -00002-of-00003.gguf");
    write_part(dir, "other.gguf", (struct part){3, 3, 3, "b"});
    refused_split("other.gguf", ERR_CORRUPT, "make no sense");
    write_part(dir, "other.gguf", (struct part){0, 60000, 3, "b"});
    refused_split("other.gguf", ERR_CORRUPT, "make no sense");
    write_part(dir, "other.gguf", (struct part){0, 1, 1, "b"}); /* split into one: whole */
    struct err e;
    struct gguf *g = open_in(dir, "other.gguf", &e);
    assert_non_null(g);
    assert_int_equal(g->n_splits, 1);
    gguf_close(g);
}

static void descriptors_hold_one_file(void **state)
{
    (void)state;
    struct buf b;
    tiny_header(&b, 3, 0, 2);
    tiny_str(&b, "split.no");
    tiny_u32(&b, GGUF_U32);
    tiny_u32(&b, 0);
    tiny_str(&b, "split.count");
    tiny_u32(&b, GGUF_U32);
    tiny_u32(&b, 2);
    refused(&b, ERR_UNSUPPORTED, "open it by its path");
}

static void paths_that_are_no_files(void **state)
{
    (void)state;
    struct err e;
    assert_null(gguf_open("/nonexistent/x.gguf", &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_null(gguf_open("/tmp", &e));
    assert_int_equal(e.code, ERR_USAGE);
    assert_null(gguf_open("/dev/null", &e));
    assert_int_equal(e.code, ERR_USAGE);
    assert_null(gguf_open("/nonexistent/x.gguf", NULL)); /* nobody listens */
    gguf_close(NULL);
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_files_are_named),
        cmocka_unit_test(versions),
        cmocka_unit_test(counts_are_checked_before_memory_is_taken),
        cmocka_unit_test(bad_keys),
        cmocka_unit_test(duplicate_keys),
        cmocka_unit_test(bad_values),
        cmocka_unit_test(bad_arrays),
        cmocka_unit_test(alignment),
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(typed_access),
        cmocka_unit_test(tensors_are_placed),
        cmocka_unit_test(tensors_must_not_overlap),
        cmocka_unit_test(tensors_must_lie_in_the_file),
        cmocka_unit_test(shapes),
        cmocka_unit_test(bad_tensor_names),
        cmocka_unit_test(the_largest_tables),
        WITH_DIR(split_files_are_joined),
        WITH_DIR(split_part_missing),
        WITH_DIR(split_parts_mixed_up),
        WITH_DIR(split_file_with_another_name),
        cmocka_unit_test(descriptors_hold_one_file),
        cmocka_unit_test(paths_that_are_no_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
