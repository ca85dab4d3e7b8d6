/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/gate: the activations of gated blocks in the words of vec_<isa>.h (compute/ops.h
 * has them for one value). */
#ifndef MOAT_COMPUTE_KERNEL_GATE_H
#define MOAT_COMPUTE_KERNEL_GATE_H

#include "compute/kernel/lanes.h"
#include "compute/mat.h"
#include "compute/ops.h"

/* x sigmoid(a x) */
INLINE vf swish(vf x, vf a)
{
    return vf_div(x, vf_add(vf_exp(vf_mul(vf_sub(vf_zero(), a), x)), vf_all(1.0f)));
}

/* max(x, 0) - |x| erfc(|x| / sqrt 2) / 2, with erfc z = t p(t) exp(-z z), t = 1 / (1 + .3275911 z),
 * to 1.5e-7 (Abramowitz & Stegun 1964, 7.1.26); the halves are in p. */
INLINE vf gelu_exact(vf x)
{
    vf size = vf_abs(x), z = vf_mul(size, vf_all(0.707106781f));
    vf t = vf_div(vf_all(1.0f), vf_fma(z, vf_all(0.3275911f), vf_all(1.0f)));
    vf p = vf_fma(t, vf_all(0.5307027145f), vf_all(-0.7265760135f));
    p = vf_fma(t, p, vf_all(0.7107068705f));
    p = vf_fma(t, p, vf_all(-0.142248368f));
    p = vf_fma(t, p, vf_all(0.127414796f));
    vf tail = vf_mul(vf_mul(t, p), vf_exp(vf_mul(vf_sub(vf_zero(), z), z)));
    return vf_sub(vf_max(x, vf_zero()), vf_mul(size, tail));
}

/* SiLU is swish with a = 1; tanh-GELU with a = 2 sqrt(2/pi) (1 + .044715 x^2). */
INLINE vf gate(vf x, enum gating act)
{
    vf a = vf_all(1.0f);
    if (act == GATE_GELU_ERF)
        return gelu_exact(x);
    if (act == GATE_RELU2)
        return vf_mul(vf_max(x, vf_zero()), vf_max(x, vf_zero()));
    if (act == GATE_GELU)
        a = vf_fma(vf_mul(x, x), vf_all(0.0713548163f), vf_all(1.59576912f));
    return swish(x, a);
}

/* act(g) u, or swiglu_clamped(g, u) */
INLINE vf gated(vf g, vf u, enum gating act)
{
    const vf limit = vf_all(SWIGLU_LIMIT);
    if (act != GATE_CLAMPED)
        return vf_mul(gate(g, act), u);
    u = vf_max(vf_all(-SWIGLU_LIMIT), vf_min(limit, u));
    return vf_mul(swish(vf_min(limit, g), vf_all(SWIGLU_ALPHA)), vf_add(u, vf_all(1.0f)));
}

#endif
