/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/rows: operations on whole rows of activations in vectors of 16 floats. Included by
 * each kernel file; the last n % 16 values go through the plain functions of compute/ops. */
#ifndef MOAT_COMPUTE_KERNEL_ROWS_H
#define MOAT_COMPUTE_KERNEL_ROWS_H

#include <math.h>

#include "compute/kernel.h"
#include "compute/kernel/lanes.h"
#include "compute/ops.h"

/* x sigmoid(a x): SiLU for a = 1; tanh-GELU is the same with a = 2 sqrt(2/pi) (1 + .044715 x^2). */
INLINE_16 lanes16 gate16(lanes16 x, enum gating act)
{
    lanes16 a = (lanes16){0} + 1.0f;
    if (act == GATE_GELU)
        a = x * x * 0.0713548163f + 1.59576912f;
    return x / (exp16(-a * x) + 1.0f);
}

INLINE_16 lanes16 at_most16(lanes16 x, float limit)
{
    lanes16 top = (lanes16){0} + limit;
    ints16 over = x > top;
    return (lanes16)(((ints16)x & ~over) | ((ints16)top & over));
}

static void clamped_rows(float *g, const float *u, uint32_t n)
{
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16) {
        lanes16 x = at_most16(load16(g + i), SWIGLU_LIMIT);
        lanes16 y = -at_most16(-at_most16(load16(u + i), SWIGLU_LIMIT), SWIGLU_LIMIT);
        store16(g + i, x / (exp16(x * -SWIGLU_ALPHA) + 1.0f) * (y + 1.0f));
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
    for (; i + 16 <= n; i += 16)
        store16(g + i, gate16(load16(g + i), act) * (u ? load16(u + i) : (lanes16){0} + 1.0f));
    for (; i < n; i++)
        g[i] = (act == GATE_SILU ? silu(g[i]) : gelu_tanh(g[i])) * (u ? u[i] : 1.0f);
}

/* The mean of squares in 16 partial sums. */
static void norm_row(const float *x, const float *weight, float eps, float *out, uint32_t n)
{
    lanes16 squares = {0};
    double sum = 0;
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16)
        squares += load16(x + i) * load16(x + i);
    for (uint32_t j = i; j < n; j++)
        sum += (double)x[j] * (double)x[j];
    sum += (double)sum16(squares);
    float scale = 1.0f / sqrtf((float)(sum / n) + eps);
    for (i = 0; i + 16 <= n; i += 16)
        store16(out + i, load16(x + i) * scale * load16(weight + i));
    for (; i < n; i++)
        out[i] = x[i] * scale * weight[i];
}

#endif
