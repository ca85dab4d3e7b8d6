/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/lanes: what bodies written in the words of vec_<isa>.h share: loops that must stay
 * in registers, and exp. Included after a vec_<isa>.h. */
#ifndef MOAT_COMPUTE_KERNEL_LANES_H
#define MOAT_COMPUTE_KERNEL_LANES_H

#include <stddef.h>
#include <stdint.h>

/* A loop over an array that is to stay in registers: for i = 0..n-1. */
#if defined(__clang__)
#define UNROLL(i, n) _Pragma("clang loop unroll(full)") for (uint32_t i = 0; i < (n); i++)
#elif defined(__SANITIZE_ADDRESS__) /* gcc then cannot, and warns */
#define UNROLL(i, n) for (uint32_t i = 0; i < (n); i++)
#else
#define UNROLL(i, n) _Pragma("GCC unroll 16") for (uint32_t i = 0; i < (n); i++)
#endif

/* exp, within 2 units in the last place; 0 below -87.3: 2^n times a polynomial on |r| <= ln 2 / 2,
 * with ln 2 in two parts (Cody & Waite 1980; the series up to r^7). */
INLINE vf vf_exp(vf x)
{
    const vf low = vf_all(-87.3f), magic = vf_all(12582912.0f); /* 1.5 * 2^23: rounds to whole */
    vf y = vf_min(vf_all(88.3f), vf_max(low, x));
    vf n = vf_sub(vf_fma(y, vf_all(1.44269504f), magic), magic);
    vf r = vf_fma(n, vf_all(-0.693359375f), y);
    r = vf_fma(n, vf_all(2.12194440e-4f), r);
    vf p = vf_fma(r, vf_all(1.0f / 5040), vf_all(1.0f / 720));
    p = vf_fma(p, r, vf_all(1.0f / 120));
    p = vf_fma(p, r, vf_all(1.0f / 24));
    p = vf_fma(p, r, vf_all(1.0f / 6));
    p = vf_fma(p, r, vf_all(0.5f));
    p = vf_fma(p, r, vf_all(1.0f));
    p = vf_fma(p, r, vf_all(1.0f));
    return vf_zero_if_less(vf_scale2(p, n), x, low);
}

/* c tanh(s / c) */
INLINE vf soft_cap(vf s, float c)
{
    vf e = vf_add(vf_exp(vf_mul(s, vf_all(2.0f / c))), vf_all(1.0f));
    return vf_sub(vf_all(c), vf_div(vf_all(2.0f * c), e));
}

#endif
