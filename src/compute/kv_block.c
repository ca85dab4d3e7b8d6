/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kv_block: see kv_block.h. */
#include "compute/kv_block.h"

#include <math.h>
#include <string.h>

#include "compute/quant.h"

#define LARGEST 3e38f /* what is not finite counts as; its scale still is */

const char *kv_type_name(enum kv_type t)
{
    static const char *const names[KV_TYPES] = {"f16", "f32", "bf16", "q8"};
    return names[t];
}

static uint64_t whole(uint64_t n, uint64_t of)
{
    return (n + of - 1) / of;
}

static uint64_t key_numbers_bytes(enum kv_type t, uint32_t d)
{
    static const uint32_t per_word[KV_TYPES] = {
        [KV_F32] = 1, [KV_F16] = 1, [KV_BF16] = 2, [KV_Q8] = 4};
    return whole(d, per_word[t]) * ATTEND_KEYS * (t == KV_F16 ? 2 : 4);
}

static uint64_t value_numbers_bytes(enum kv_type t, uint32_t d_v)
{
    static const uint32_t bytes[KV_TYPES] = {
        [KV_F32] = 4, [KV_F16] = 2, [KV_BF16] = 2, [KV_Q8] = 1};
    return (uint64_t)ATTEND_KEYS * d_v * bytes[t];
}

uint64_t kv_key_bytes(enum kv_type t, uint32_t d)
{
    uint64_t scales = t == KV_Q8 ? whole(d, KV_SCALED) * ATTEND_KEYS * 2 : 0;
    return whole(key_numbers_bytes(t, d) + scales, 64) * 64;
}

uint64_t kv_value_bytes(enum kv_type t, uint32_t d_v)
{
    uint64_t scales = t == KV_Q8 ? ATTEND_KEYS * 2 : 0;
    return whole(value_numbers_bytes(t, d_v) + scales, 64) * 64; /* the next head's start a line */
}

/* --- q8 -----------------------------------------------------------------------------------------
 */

/* The least BF16 number that is not below x >= 0. */
static uint16_t bf16_up(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return (uint16_t)((bits + 0xffff) >> 16);
}

static uint16_t scale_for(const float *x, uint32_t n)
{
    float most = 0;
    for (uint32_t i = 0; i < n; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most; /* not a number: no more than any */
    return bf16_up((most < LARGEST ? most : LARGEST) / 127);
}

/* x times inverse to the nearest of -127..127, half to even; 0 for what is not a number. */
static int8_t step_of(float x, float inverse)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: its neighbours are 1 apart */
    float y = x * inverse;
    y = y > -127.0f ? y : y <= -127.0f ? -127.0f : 0.0f;
    y = y < 127.0f ? y : 127.0f;
    return (int8_t)(int32_t)(y + magic - magic);
}

/* n numbers, those of a 32-bit word `step` words apart from the next word's; their scale. */
static uint16_t put_q8(int8_t *to, size_t step, const float *x, uint32_t n)
{
    uint16_t scale = scale_for(x, n);
    float s = bf16_to_f32(scale), inverse = s > 1e-37f ? 1.0f / s : 0.0f;
    for (uint32_t i = 0; i < n; i++)
        to[i / 4 * step + i % 4] = step_of(x[i], inverse);
    return s > 1e-37f ? scale : 0;
}

static uint16_t *key_scales(void *block, uint32_t d)
{
    return (uint16_t *)(void *)((char *)block + key_numbers_bytes(KV_Q8, d));
}

static uint16_t *value_scales(void *block, uint32_t d_v)
{
    return (uint16_t *)(void *)((char *)block + value_numbers_bytes(KV_Q8, d_v));
}

static void put_key_q8(void *block, uint32_t slot, const float *key, uint32_t d)
{
    uint16_t *scale = key_scales(block, d) + slot;
    int8_t *to = (int8_t *)block + (size_t)4 * slot;
    if (d % 4)
        memset(to + d / 4 * (size_t)(4 * ATTEND_KEYS), 0, 4);
    for (uint32_t c = 0; c < d; c += KV_SCALED, scale += ATTEND_KEYS)
        *scale = put_q8(to + (size_t)c * ATTEND_KEYS, (size_t)4 * ATTEND_KEYS, key + c,
                        d - c < KV_SCALED ? d - c : KV_SCALED);
}

static void put_value_q8(void *block, uint32_t slot, const float *value, uint32_t d_v)
{
    uint16_t scale = scale_for(value, d_v);
    float s = bf16_to_f32(scale), inverse = s > 1e-37f ? 1.0f / s : 0.0f;
    int8_t *to = (int8_t *)block + (size_t)slot / 4 * d_v * 4 + slot % 4;
    for (uint32_t c = 0; c < d_v; c++)
        to[(size_t)4 * c] = step_of(value[c], inverse);
    value_scales(block, d_v)[slot] = s > 1e-37f ? scale : 0;
}

/* --- all types ----------------------------------------------------------------------------------
 */

static void to_bf16(const float *x, uint16_t *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = f32_to_bf16(x[i]);
}

void kv_put_key(const struct kernels *k, enum kv_type t, void *block, uint32_t slot,
                const float *key, uint32_t d, uint16_t *half)
{
    float *f32 = block;
    uint16_t *h = block;
    switch (t) {
    case KV_F16:
        k->to_f16(key, half, d);
        for (uint32_t c = 0; c < d; c++)
            h[c * ATTEND_KEYS + slot] = half[c];
        break;
    case KV_BF16:
        to_bf16(key, half, d);
        if (d % 2)
            h[(d - 1) * ATTEND_KEYS + 2 * slot + 1] = 0;
        for (uint32_t c = 0; c < d; c++)
            h[c / 2 * (2 * ATTEND_KEYS) + 2 * slot + c % 2] = half[c];
        break;
    case KV_Q8:
        put_key_q8(block, slot, key, d);
        break;
    default:
        for (uint32_t c = 0; c < d; c++)
            f32[c * ATTEND_KEYS + slot] = key[c];
    }
}

void kv_put_value(const struct kernels *k, enum kv_type t, void *block, uint32_t slot,
                  const float *value, uint32_t d_v, uint16_t *half)
{
    uint16_t *h = block;
    switch (t) {
    case KV_F16:
        k->to_f16(value, h + (size_t)slot * d_v, d_v);
        break;
    case KV_BF16:
        to_bf16(value, half, d_v);
        for (uint32_t c = 0; c < d_v; c++)
            h[((size_t)slot / 2 * d_v + c) * 2 + slot % 2] = half[c];
        break;
    case KV_Q8:
        put_value_q8(block, slot, value, d_v);
        break;
    default:
        memcpy((float *)block + (size_t)slot * d_v, value, d_v * sizeof *value);
    }
}

float kv_key_at(enum kv_type t, const void *block, uint32_t d, uint32_t slot, uint32_t c)
{
    const uint16_t *h = block;
    const int8_t *q = block;
    switch (t) {
    case KV_F16:
        return f16_to_f32(h[c * ATTEND_KEYS + slot]);
    case KV_BF16:
        return bf16_to_f32(h[c / 2 * (2 * ATTEND_KEYS) + 2 * slot + c % 2]);
    case KV_Q8:
        h = (const uint16_t *)(const void *)(q + key_numbers_bytes(t, d));
        return (float)q[(size_t)c / 4 * (4 * ATTEND_KEYS) + (size_t)4 * slot + c % 4] *
               bf16_to_f32(h[c / KV_SCALED * ATTEND_KEYS + slot]);
    default:
        return ((const float *)block)[c * ATTEND_KEYS + slot];
    }
}

float kv_value_at(enum kv_type t, const void *block, uint32_t d_v, uint32_t slot, uint32_t c)
{
    const uint16_t *h = block;
    const int8_t *q = block;
    switch (t) {
    case KV_F16:
        return f16_to_f32(h[(size_t)slot * d_v + c]);
    case KV_BF16:
        return bf16_to_f32(h[((size_t)slot / 2 * d_v + c) * 2 + slot % 2]);
    case KV_Q8:
        h = (const uint16_t *)(const void *)(q + value_numbers_bytes(t, d_v));
        return (float)q[((size_t)slot / 4 * d_v + c) * 4 + slot % 4] * bf16_to_f32(h[slot]);
    default:
        return ((const float *)block)[(size_t)slot * d_v + c];
    }
}
