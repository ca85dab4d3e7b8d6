/* SPDX-License-Identifier: Apache-2.0 */
/* tests of gguf/gguf_write: what was written is read back the same, in every type, and a copy made
 * entry by entry is the same file byte for byte. */
#include "gguf/tiny.h"

#include <stdio.h>
#include <stdlib.h>

static const struct str words[] = {{"a", 1}, {"", 0}, {"\303\244\0b", 4}};

static void add_metadata(struct gguf_writer *w)
{
    gguf_write_str(w, "general.architecture", STR("test"));
    gguf_write_u32(w, "u32", 7);
    gguf_write_f32(w, "f32", 0.1f);
    gguf_write_bool(w, "bool", true);
    gguf_write_scalar(w, "i64", GGUF_I64, &(int64_t){-5});
    gguf_write_strs(w, "words", words, 3);
    gguf_write_array(w, "floats", GGUF_F64, (double[]){1.5, -2.5}, 2);
    gguf_write_array(w, "empty", GGUF_U8, NULL, 0);
}

static unsigned char data[4096];

static void add_tensors(struct gguf_writer *w)
{
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 31 + 7);
    gguf_write_tensor(w, "q8", DTYPE_Q8_0, 2, (uint64_t[4]){64, 3}, data);
    gguf_write_tensor(w, "f32", DTYPE_F32, 1, (uint64_t[4]){5}, data + 100);
    gguf_write_tensor(w, "q6k", DTYPE_Q6_K, 3, (uint64_t[4]){256, 2, 3}, data + 7);
    gguf_write_tensor(w, "i8", DTYPE_I8, 4, (uint64_t[4]){3, 1, 1, 2}, data + 1);
}

static void written(struct gguf_writer *w, struct buf *b)
{
    struct err e = {0};
    buf_init(b, 1 << 20);
    bool ok = gguf_write_bytes(w, b, &e);
    if (!ok)
        print_error("%s\n", e.msg);
    assert_true(ok);
}

static void check_tensors(const struct gguf *g)
{
    static const struct {
        const char *name;
        enum dtype type;
        uint32_t n_dim;
        uint64_t ne[4], n_bytes;
        size_t from;
    } rows[] = {
        {"q8", DTYPE_Q8_0, 2, {64, 3, 1, 1}, 68 * 3, 0},
        {"f32", DTYPE_F32, 1, {5, 1, 1, 1}, 20, 100},
        {"q6k", DTYPE_Q6_K, 3, {256, 2, 3, 1}, 210 * 6, 7},
        {"i8", DTYPE_I8, 4, {3, 1, 1, 2}, 6, 1},
    };
    assert_int_equal(g->n_tensors, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct gguf_tensor *t = &g->tensors[i];
        assert_true(str_is(t->name, rows[i].name));
        assert_int_equal(t->type, rows[i].type);
        assert_int_equal(t->n_dim, rows[i].n_dim);
        assert_memory_equal(t->ne, rows[i].ne, sizeof t->ne);
        assert_int_equal(t->n_bytes, rows[i].n_bytes);
        assert_memory_equal(t->data, data + rows[i].from, t->n_bytes);
        assert_int_equal((uintptr_t)t->data % g->alignment, 0);
    }
}

static void round_trip(void **state)
{
    (void)state;
    for (uint32_t alignment = 8; alignment <= 4096; alignment *= 2) {
        struct gguf_writer w;
        struct buf b;
        struct err e;
        gguf_write_init(&w, alignment);
        add_metadata(&w);
        add_tensors(&w);
        written(&w, &b);
        gguf_write_clear(&w);
        struct gguf *g = tiny_open(b.p, b.n, &e);
        assert_non_null(g);
        assert_int_equal(g->alignment, alignment);
        assert_int_equal(g->n_kv, alignment == 32 ? 8 : 9);
        check_tensors(g);
        assert_true(str_eq(gguf_find(g, "words")->strings[2], words[2]));
        assert_int_equal(gguf_int_at(gguf_find(g, "i64"), 0), -5);
        assert_true(gguf_float_at(gguf_find(g, "floats"), 1) == -2.5);
        assert_int_equal(gguf_find(g, "empty")->n, 0);
        gguf_close(g);
        buf_clear(&b);
    }
}

static void copy_is_the_same_file(void **state)
{
    (void)state;
    struct gguf_writer w;
    struct buf one, two;
    struct err e;
    gguf_write_init(&w, 32);
    add_metadata(&w);
    add_tensors(&w);
    written(&w, &one);
    gguf_write_clear(&w);
    struct gguf *g = tiny_open(one.p, one.n, &e);
    assert_non_null(g);
    gguf_write_init(&w, g->alignment);
    for (uint64_t i = 0; i < g->n_kv; i++)
        gguf_write_kv(&w, &g->kv[i]);
    char name[8];
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const struct gguf_tensor *t = &g->tensors[i];
        snprintf(name, sizeof name, "%.*s", STR_ARG(t->name));
        gguf_write_tensor(&w, name, t->type, t->n_dim, t->ne, t->data);
    }
    written(&w, &two);
    assert_int_equal(one.n, two.n);
    assert_memory_equal(one.p, two.p, one.n);
    gguf_write_clear(&w);
    gguf_close(g);
    buf_clear(&one);
    buf_clear(&two);
}

static void a_file_holds_the_same_bytes(void **state)
{
    (void)state;
    struct gguf_writer w;
    struct buf one, two;
    struct err e;
    char path[] = "/tmp/moat-test-XXXXXX";
    close(mkstemp(path));
    gguf_write_init(&w, 64);
    add_metadata(&w);
    add_tensors(&w);
    written(&w, &one);
    assert_true(gguf_write_file(&w, path, &e));
    gguf_write_clear(&w);
    buf_init(&two, 1 << 20);
    assert_true(buf_read_file(&two, path, &e));
    assert_int_equal(one.n, two.n);
    assert_memory_equal(one.p, two.p, one.n);
    unlink(path);
    buf_clear(&one);
    buf_clear(&two);
}

static void fails(struct gguf_writer *w, enum err_code code, const char *words_in)
{
    struct buf b;
    struct err e = {0};
    buf_init(&b, 1 << 20);
    assert_false(gguf_write_bytes(w, &b, &e));
    assert_int_equal(e.code, code);
    assert_non_null(strstr(e.msg, words_in));
    assert_false(gguf_write_bytes(w, &b, NULL));
    assert_false(gguf_write_file(w, "/nonexistent/x", &e));
    assert_int_equal(e.code, code);
    gguf_write_clear(w);
    buf_clear(&b);
}

static void mistakes_are_remembered(void **state)
{
    (void)state;
    struct gguf_writer w;
    const uint64_t one[4] = {32};
    static const uint32_t bad[] = {0, 4, 33, 1u << 31};
    for (size_t i = 0; i < 4; i++) {
        gguf_write_init(&w, bad[i]);
        gguf_write_u32(&w, "k", 1);
        fails(&w, ERR_USAGE, "alignment");
    }
    gguf_write_init(&w, 32);
    gguf_write_tensor(&w, "odd", DTYPE_Q4_0, 1, (uint64_t[4]){31}, data);
    gguf_write_tensor(&w, "good", DTYPE_Q4_0, 1, one, data);
    fails(&w, ERR_USAGE, "tensor odd");
    gguf_write_init(&w, 32);
    gguf_write_tensor(&w, "flat", DTYPE_Q4_0, 0, one, data);
    fails(&w, ERR_USAGE, "tensor flat");
    gguf_write_init(&w, 32);
    gguf_write_tensor(&w, "deep", DTYPE_Q4_0, 5, one, data);
    fails(&w, ERR_USAGE, "tensor deep");
    gguf_write_init(&w, 32);
    gguf_write_tensor(&w, "vast", DTYPE_F32, 2, (uint64_t[4]){(uint64_t)1 << 40, 1 << 30}, data);
    fails(&w, ERR_USAGE, "tensor vast");
}

static void a_full_buffer_is_an_error(void **state)
{
    (void)state;
    struct gguf_writer w;
    struct buf b;
    struct err e;
    gguf_write_init(&w, 32);
    add_metadata(&w);
    add_tensors(&w);
    buf_init(&b, 1000);
    assert_false(gguf_write_bytes(&w, &b, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    buf_clear(&b);
    assert_false(gguf_write_file(&w, "/nonexistent/dir/x.gguf", &e));
    assert_int_equal(e.code, ERR_IO);
    gguf_write_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(copy_is_the_same_file),
        cmocka_unit_test(a_file_holds_the_same_bytes),
        cmocka_unit_test(mistakes_are_remembered),
        cmocka_unit_test(a_full_buffer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
