/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/rows: operations on whole rows of activations in the words of vec_<isa>.h; the
 * last n % LANES values go through the plain functions of compute/ops. */
#ifndef MOAT_COMPUTE_KERNEL_ROWS_H
#define MOAT_COMPUTE_KERNEL_ROWS_H

#include <math.h>

#include "compute/kernel.h"
#include "compute/kernel/lanes.h"
#include "compute/ops.h"

/* x sigmoid(a x) */
INLINE vf swish(vf x, vf a)
{
    return vf_div(x, vf_add(vf_exp(vf_mul(vf_sub(vf_zero(), a), x)), vf_all(1.0f)));
}

/* SiLU is swish with a = 1; tanh-GELU with a = 2 sqrt(2/pi) (1 + .044715 x^2). */
INLINE vf gate(vf x, enum gating act)
{
    vf a = vf_all(1.0f);
    if (act == GATE_GELU)
        a = vf_fma(vf_mul(x, x), vf_all(0.0713548163f), vf_all(1.59576912f));
    return swish(x, a);
}

static void clamped_rows(float *g, const float *u, uint32_t n)
{
    const vf limit = vf_all(SWIGLU_LIMIT);
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vf x = vf_min(limit, vf_load(g + i));
        vf y = vf_max(vf_all(-SWIGLU_LIMIT), vf_min(limit, vf_load(u + i)));
        vf_store(g + i, vf_mul(swish(x, vf_all(SWIGLU_ALPHA)), vf_add(y, vf_all(1.0f))));
    }
    for (; i < n; i++)
        g[i] = swiglu_clamped(g[i], u[i]);
}

static void gated_rows(float *g, const float *u, enum gating act, uint32_t n)
{
    uint32_t i = 0;
    if (act == GATE_CLAMPED) {
        clamped_rows(g, u, n);
        return;
    }
    for (; i + LANES <= n; i += LANES) {
        vf with = u ? vf_load(u + i) : vf_all(1.0f);
        vf_store(g + i, vf_mul(gate(vf_load(g + i), act), with));
    }
    for (; i < n; i++)
        g[i] = (act == GATE_SILU ? silu(g[i]) : gelu_tanh(g[i])) * (u ? u[i] : 1.0f);
}

/* The mean of squares in LANES partial sums. */
static void norm_row(const float *x, const float *weight, float eps, float *out, uint32_t n)
{
    vf squares = vf_zero();
    double sum = 0;
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES)
        squares = vf_fma(vf_load(x + i), vf_load(x + i), squares);
    for (uint32_t j = i; j < n; j++)
        sum += (double)x[j] * (double)x[j];
    sum += (double)vf_total(squares);
    float scale = 1.0f / sqrtf((float)(sum / n) + eps);
    for (i = 0; i + LANES <= n; i += LANES)
        vf_store(out + i, vf_mul(vf_mul(vf_load(x + i), vf_all(scale)), vf_load(weight + i)));
    for (; i < n; i++)
        out[i] = x[i] * scale * weight[i];
}

#endif
