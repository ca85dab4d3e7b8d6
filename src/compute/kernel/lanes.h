/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/lanes: 16 floats at once in the compiler's own vectors, for what is not worth
 * intrinsics: each kernel file that includes this gets it in its instruction set. */
#ifndef MOAT_COMPUTE_KERNEL_LANES_H
#define MOAT_COMPUTE_KERNEL_LANES_H

#include <stddef.h>
#include <stdint.h>

#define INLINE_16 static inline __attribute__((always_inline))

typedef float lanes16 __attribute__((vector_size(64)));
typedef int32_t ints16 __attribute__((vector_size(64)));

INLINE_16 lanes16 load16(const float *p)
{
    lanes16 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

INLINE_16 void store16(float *p, lanes16 v)
{
    __builtin_memcpy(p, &v, sizeof v);
}

INLINE_16 float sum16(lanes16 v) /* pairwise, always in the same order */
{
    float a[16];
    store16(a, v);
    for (int step = 8; step > 0; step /= 2)
        for (int i = 0; i < step; i++)
            a[i] += a[i + step];
    return a[0];
}

/* exp, within 2 units in the last place; 0 below -87.3: 2^n times a polynomial on |r| <= ln 2 / 2,
 * with ln 2 in two parts (Cody & Waite 1980; the series up to r^7). */
INLINE_16 lanes16 exp16(lanes16 x)
{
    const lanes16 top = (lanes16){0} + 88.3f, bottom = (lanes16){0} - 87.3f;
    const ints16 low = x < bottom;
    x = (lanes16)(((ints16)x & (x <= top)) | ((ints16)top & (x > top)));
    x = (lanes16)(((ints16)x & ~low) | ((ints16)bottom & low));
    const lanes16 magic = (lanes16){0} + 12582912.0f; /* 1.5 * 2^23: rounds to a whole number */
    lanes16 shifted = x * 1.44269504f + magic, n = shifted - magic;
    lanes16 r = x - n * 0.693359375f;
    r -= n * -2.12194440e-4f;
    lanes16 p = r * (1.0f / 5040) + (1.0f / 720);
    p = p * r + (1.0f / 120);
    p = p * r + (1.0f / 24);
    p = p * r + (1.0f / 6);
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    ints16 bits = (ints16)p + (((ints16)shifted - (ints16)magic) << 23);
    return (lanes16)(bits & ~low);
}

#endif
