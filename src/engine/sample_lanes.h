/* SPDX-License-Identifier: Apache-2.0 */
/* engine/sample_lanes: four floats at a time, in the compilers' portable vector type.
 *
 * For the passes over a whole vocabulary. Every operation is exact IEEE lane by lane, so the
 * results are the same with any instruction set. */
#ifndef MOAT_ENGINE_SAMPLE_LANES_H
#define MOAT_ENGINE_SAMPLE_LANES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __clang__ /* gcc does not fuse under -std=c17 */
#pragma STDC FP_CONTRACT OFF
#endif

#define LANES 4u

typedef float lanes_f __attribute__((vector_size(16)));
typedef int32_t lanes_i __attribute__((vector_size(16)));

static inline lanes_f lanes_load(const float *p)
{
    lanes_f v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void lanes_store(float *p, lanes_f v)
{
    memcpy(p, &v, sizeof v);
}

static inline lanes_f lanes_all(float x)
{
    return (lanes_f){x, x, x, x};
}

static inline lanes_f lanes_pick(lanes_i when, lanes_f yes, lanes_f no)
{
    return (lanes_f)((when & (lanes_i)yes) | (~when & (lanes_i)no));
}

static inline lanes_f lanes_max(lanes_f a, lanes_f b) /* b where a is no number */
{
    return lanes_pick(a > b, a, b);
}

static inline bool lanes_any(lanes_i when)
{
    uint64_t half[2];
    memcpy(half, &when, sizeof half);
    return (half[0] | half[1]) != 0;
}

/* Any of the 16 floats at p above v? */
static inline bool lanes_any_above(const float *p, lanes_f v)
{
    return lanes_any(((lanes_load(p) > v) | (lanes_load(p + 4) > v)) |
                     ((lanes_load(p + 8) > v) | (lanes_load(p + 12) > v)));
}

/* exp(x) for x <= 0 and zero below -87: 2^k exp(r), |r| <= ln(2)/2, exp(r) by its series. */
static inline lanes_f lanes_exp(lanes_f x)
{
    const lanes_f magic = lanes_all(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
    lanes_f in = lanes_max(x, lanes_all(-87.0f));
    lanes_f k = (in * 1.44269504f + magic) - magic;
    lanes_f r = in - k * 0.693359375f; /* ln 2 in two parts; k times the first is exact */
    r = r + k * 2.12194440e-4f;
    lanes_f y = r * (1.0f / 5040) + 1.0f / 720;
    y = y * r + 1.0f / 120;
    y = y * r + 1.0f / 24;
    y = y * r + 1.0f / 6;
    y = y * r + 0.5f;
    y = y * r + 1.0f;
    y = y * r + 1.0f;
    lanes_i power = (__builtin_convertvector(k, lanes_i) + 127) << 23;
    return (lanes_f)((lanes_i)(y * (lanes_f)power) & (x > -87.0f));
}

#endif
