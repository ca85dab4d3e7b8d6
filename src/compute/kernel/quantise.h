/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/quantise: activations to int8 (ACT_Q8 of compute/act.h), in the words of
 * vec_<isa>.h: round to nearest even, scaled so that the largest of 32 becomes 127. The same bits
 * with every instruction set. */
#ifndef MOAT_COMPUTE_KERNEL_QUANTISE_H
#define MOAT_COMPUTE_KERNEL_QUANTISE_H

#include "compute/act.h"

#define Q8_VECTORS (32 / LANES)

/* Below this the scale's inverse is no longer finite: such a block counts as zero. */
#define Q8_SMALLEST 1e-36f

INLINE void quantise_block(const float *x, int8_t *q, float *d, float *sum32, float *sum16)
{
    vf v[Q8_VECTORS], largest = vf_zero();
    vi n[Q8_VECTORS], half[2] = {vi_zero(), vi_zero()};
    for (uint32_t i = 0; i < Q8_VECTORS; i++) {
        v[i] = vf_load(x + i * LANES);
        largest = vf_max(largest, vf_abs(v[i]));
    }
    float most = vf_largest(largest);
    float inverse = most > Q8_SMALLEST ? 127.0f / most : 0.0f;
    for (uint32_t i = 0; i < Q8_VECTORS; i++) {
        n[i] = vi_round(vf_mul(v[i], vf_all(inverse)));
        half[i * LANES / 16] = vi_add(half[i * LANES / 16], n[i]);
    }
    vi_store_i8(q, n);
    int32_t a = vi_total(half[0]), b = vi_total(half[1]);
    *d = most > Q8_SMALLEST ? most / 127.0f : 0.0f;
    sum16[0] = *d * (float)a;
    sum16[1] = *d * (float)b;
    *sum32 = *d * (float)(a + b);
}

static void act_q8(const struct act *a, uint32_t row, uint32_t k0, uint32_t k1)
{
    const float *x = a->f32 + (size_t)row * a->stride;
    for (uint32_t k = k0; k < k1; k += 32) {
        size_t block = (size_t)row * (a->k / 32) + k / 32;
        quantise_block(x + k, a->q + (size_t)row * a->k + k, a->d + block, a->sum32 + block,
                       a->sum16 + 2 * block);
    }
}

#endif
