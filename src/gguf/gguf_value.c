/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/gguf_value: typed access to metadata values; see gguf.h. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "gguf/gguf.h"
#include "gguf/gguf_parse.h"

static const struct {
    const char *name;
    uint32_t bytes; /* 0: not of fixed size */
} types[GGUF_TYPE_COUNT] = {
    [GGUF_U8] = {"u8", 1},       [GGUF_I8] = {"i8", 1},     [GGUF_U16] = {"u16", 2},
    [GGUF_I16] = {"i16", 2},     [GGUF_U32] = {"u32", 4},   [GGUF_I32] = {"i32", 4},
    [GGUF_F32] = {"f32", 4},     [GGUF_BOOL] = {"bool", 1}, [GGUF_STRING] = {"string", 0},
    [GGUF_ARRAY] = {"array", 0}, [GGUF_U64] = {"u64", 8},   [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};

const char *gguf_type_name(enum gguf_type t)
{
    return types[t].name;
}

uint32_t gguf_type_bytes(enum gguf_type t)
{
    return types[t].bytes;
}

bool gguf_is_integer(enum gguf_type t)
{
    return t != GGUF_F32 && t != GGUF_F64 && t != GGUF_BOOL && t != GGUF_STRING && t != GGUF_ARRAY;
}

/* Little-endian value at p, which may be unaligned. */
static uint64_t bits_at(const unsigned char *p, unsigned n)
{
    uint64_t v = 0;
    while (n--)
        v = v << 8 | p[n];
    return v;
}

static double float_bits(uint64_t bits, bool wide)
{
    if (wide) {
        double d;
        memcpy(&d, &bits, sizeof d);
        return d;
    }
    uint32_t low = (uint32_t)bits;
    float f;
    memcpy(&f, &low, sizeof f);
    return (double)f;
}

/* Towards zero, saturating; not a number is 0. */
static int64_t truncate(double d)
{
    if (isnan(d))
        return 0;
    if (d >= 0x1p63)
        return INT64_MAX;
    return d < -0x1p63 ? INT64_MIN : (int64_t)d;
}

int64_t gguf_int_at(const struct gguf_kv *kv, uint64_t i)
{
    if (i >= kv->n)
        return 0;
    const unsigned char *p = kv->data;
    switch (kv->elem) {
    case GGUF_U8:
    case GGUF_BOOL:
        return p[i];
    case GGUF_I8:
        return (int8_t)p[i];
    case GGUF_U16:
        return (uint16_t)bits_at(p + i * 2, 2);
    case GGUF_I16:
        return (int16_t)bits_at(p + i * 2, 2);
    case GGUF_U32:
        return (uint32_t)bits_at(p + i * 4, 4);
    case GGUF_I32:
        return (int32_t)bits_at(p + i * 4, 4);
    case GGUF_U64: {
        uint64_t v = bits_at(p + i * 8, 8);
        return v > INT64_MAX ? INT64_MAX : (int64_t)v;
    }
    case GGUF_I64:
        return (int64_t)bits_at(p + i * 8, 8);
    case GGUF_F32:
    case GGUF_F64:
        return truncate(gguf_float_at(kv, i));
    default:
        return 0;
    }
}

uint64_t gguf_uint_at(const struct gguf_kv *kv, uint64_t i)
{
    if (kv->elem == GGUF_U64 && i < kv->n)
        return bits_at(kv->data + i * 8, 8);
    int64_t v = gguf_int_at(kv, i);
    return v < 0 ? 0 : (uint64_t)v;
}

double gguf_float_at(const struct gguf_kv *kv, uint64_t i)
{
    if (i >= kv->n)
        return 0;
    if (kv->elem == GGUF_F32)
        return float_bits(bits_at(kv->data + i * 4, 4), false);
    if (kv->elem == GGUF_F64)
        return float_bits(bits_at(kv->data + i * 8, 8), true);
    if (kv->elem == GGUF_U64)
        return (double)bits_at(kv->data + i * 8, 8);
    return (double)gguf_int_at(kv, i);
}

bool gguf_parse_u32(const struct gguf_kv *kv, uint32_t *out)
{
    if (!gguf_is_integer(kv->type))
        return false;
    int64_t v = gguf_int_at(kv, 0);
    if (v < 0 || v > UINT32_MAX)
        return false;
    *out = (uint32_t)v;
    return true;
}

static bool wrong_type(const struct gguf_kv *kv, const char *want, struct err *e)
{
    return fail(e, ERR_CORRUPT, "metadata key %.*s is of type %s; %s is needed", STR_ARG(kv->key),
                gguf_type_name(kv->type), want);
}

bool gguf_get_u32(const struct gguf *g, const char *key, uint32_t *out, struct err *e)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    if (!kv || gguf_parse_u32(kv, out))
        return true;
    if (!gguf_is_integer(kv->type))
        return wrong_type(kv, "an integer", e);
    return fail(e, ERR_CORRUPT, "metadata key %s has the value %lld; it must be from 0 to %u", key,
                (long long)gguf_int_at(kv, 0), UINT32_MAX);
}

bool gguf_get_f32(const struct gguf *g, const char *key, float *out, struct err *e)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    if (!kv)
        return true;
    if (kv->type != GGUF_F32 && kv->type != GGUF_F64 && !gguf_is_integer(kv->type))
        return wrong_type(kv, "a number", e);
    double d = gguf_float_at(kv, 0);
    if (!(fabs(d) <= (double)FLT_MAX))
        return fail(e, ERR_CORRUPT, "metadata key %s is not a finite number", key);
    *out = (float)d;
    return true;
}

bool gguf_get_bool(const struct gguf *g, const char *key, bool *out, struct err *e)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    if (!kv)
        return true;
    if (kv->type != GGUF_BOOL)
        return wrong_type(kv, "a boolean", e);
    *out = kv->data[0] != 0;
    return true;
}

bool gguf_get_str(const struct gguf *g, const char *key, struct str *out, struct err *e)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    if (!kv)
        return true;
    if (kv->type != GGUF_STRING)
        return wrong_type(kv, "a string", e);
    *out = kv->text;
    return true;
}

/* --- weights ------------------------------------------------------------------------------- */

static uint64_t n_weights(const struct gguf_tensor *t)
{
    return t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
}

enum dtype gguf_most_weights(const struct gguf *g)
{
    uint64_t n[DTYPE_COUNT] = {0};
    size_t most = 0;
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        enum dtype type = g->tensors[i].type;
        n[type] += n_weights(&g->tensors[i]);
        most = n[type] > n[most] ? type : most;
    }
    return (enum dtype)most;
}

uint64_t gguf_n_weights(const struct gguf *g)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < g->n_tensors; i++)
        n += n_weights(&g->tensors[i]);
    return n;
}
