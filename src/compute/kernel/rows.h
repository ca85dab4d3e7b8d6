/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/rows: operations on whole rows of activations in the words of vec_<isa>.h; the
 * last n % LANES values go through the plain functions of compute/ops. */
#ifndef MOAT_COMPUTE_KERNEL_ROWS_H
#define MOAT_COMPUTE_KERNEL_ROWS_H

#include <math.h>

#include "compute/kernel.h"
#include "compute/kernel/gate.h"
#include "compute/ops.h"

INLINE void gated_vectors(float *g, const float *u, enum gating act, uint32_t n)
{
    for (uint32_t i = 0; i + LANES <= n; i += LANES)
        vf_store(g + i, gated(vf_load(g + i), u ? vf_load(u + i) : vf_all(1.0f), act));
}

static float gated_one(float g, float u, enum gating act)
{
    if (act == GATE_CLAMPED)
        return swiglu_clamped(g, u);
    return gate_one(g, act) * u;
}

static void gated_rows(float *g, const float *u, enum gating act, uint32_t n)
{
    if (act == GATE_SILU)
        gated_vectors(g, u, GATE_SILU, n);
    else if (act == GATE_GELU)
        gated_vectors(g, u, GATE_GELU, n);
    else if (act == GATE_GELU_ERF)
        gated_vectors(g, u, GATE_GELU_ERF, n);
    else if (act == GATE_RELU2)
        gated_vectors(g, u, GATE_RELU2, n);
    else
        gated_vectors(g, u, GATE_CLAMPED, n);
    for (uint32_t i = n / LANES * LANES; i < n; i++)
        g[i] = gated_one(g[i], u ? u[i] : 1.0f, act);
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
