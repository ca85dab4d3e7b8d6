/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/safetensors: what a sound file gives, and every way in which one can lie. */
#include "gguf/safetensors.h"

#include <string.h>

#include "gguf/tiny.h"

static struct safetensors *open_file(const char *head, size_t n_data, struct err *e)
{
    struct buf b;
    static const char data[256] = {1, 2, 3, 4, 5, 6, 7, 8};
    buf_init(&b, 1 << 16);
    tiny_u64(&b, strlen(head));
    buf_cstr(&b, head);
    buf_add(&b, data, n_data);
    struct safetensors *s = safetensors_take_fd(tiny_file(buf_c(&b), b.n), "test.safetensors", e);
    buf_clear(&b);
    return s;
}

static void sound(void **state)
{
    struct err e;
    (void)state;
    struct safetensors *s =
        open_file("{\"__metadata__\":{\"format\":\"pt\"},"
                  "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[4,16]},"
                  "\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[4,4]},"
                  "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}",
                  16, &e);
    assert_non_null(s);
    assert_int_equal(s->n, 3);
    assert_true(str_is(s->tensors[0].name, "a") && str_is(s->tensors[1].name, "none"));
    const struct safetensor *b = safetensors_find(s, STR("b"));
    assert_non_null(b);
    assert_int_equal(b->type, SAFETENSOR_BF16);
    assert_int_equal(b->n_dim, 2);
    assert_int_equal(b->shape[1], 3);
    assert_int_equal(b->n_values, 6);
    assert_int_equal(b->n_bytes, 12);
    assert_int_equal(b->data[0], 5);
    assert_int_equal(safetensors_find(s, STR("a"))->n_values, 1);
    assert_null(safetensors_find(s, STR("c")));
    safetensors_close(s);
}

static void refused(void **state)
{
    static const struct {
        const char *head, *word;
        size_t n_data;
        enum err_code code;
    } rows[] = {
        {"[]", "not a JSON object", 0, ERR_CORRUPT},
        {"{", "JSON", 0, ERR_USAGE},
        {"{\"a\":{}}", "unknown type", 0, ERR_UNSUPPORTED},
        {"{\"a\":{\"dtype\":\"F31\"}}", "F31", 0, ERR_UNSUPPORTED},
        {"{\"a\":{\"dtype\":\"F32\"}}", "no shape", 0, ERR_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1]}}", "impossible shape", 0, ERR_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1]}}", "no shape", 0, ERR_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4]}}", "impossible shape", 0,
         ERR_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}",
         "its shape", 0, ERR_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", "not inside", 4, ERR_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", "not inside", 4,
         ERR_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", "not inside", 4,
         ERR_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "not inside", 4,
         ERR_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", "its shape", 4,
         ERR_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "hole", 8,
         ERR_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "belong to nothing", 8,
         ERR_CORRUPT},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
         "overlap", 4, ERR_CORRUPT},
        {"{\"\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "name", 4, ERR_CORRUPT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {0};
        if (open_file(rows[i].head, rows[i].n_data, &e))
            fail_msg("accepted: %s", rows[i].head);
        if (e.code != rows[i].code || !strstr(e.msg, rows[i].word))
            fail_msg("%s: %d %s", rows[i].head, e.code, e.msg);
    }
}

static void damaged_heads(void **state)
{
    struct err e = {0};
    (void)state;
    assert_null(safetensors_take_fd(tiny_file("1234567", 7), "x", &e));
    assert_int_equal(e.code, ERR_CORRUPT);
    assert_null(safetensors_take_fd(tiny_file("\x7f\0\0\0\0\0\0\0{}", 10), "x", &e));
    assert_int_equal(e.code, ERR_CORRUPT);
    assert_null(safetensors_take_fd(tiny_file("\0\0\0\0\0\0\0\x7f{}", 10), "x", &e));
    assert_int_equal(e.code, ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound),
        cmocka_unit_test(refused),
        cmocka_unit_test(damaged_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
