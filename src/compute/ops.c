/* SPDX-License-Identifier: Apache-2.0 */
/* compute/ops: see ops.h. */
#include "compute/ops.h"

#include <math.h>

void rms_norm(const float *x, const float *weight, float eps, float *out, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    float scale = 1.0f / sqrtf((float)(sum / n) + eps);
    for (uint32_t i = 0; i < n; i++)
        out[i] = x[i] * scale * (weight ? weight[i] : 1.0f);
}

double row_mean(const float *x, uint32_t n)
{
    float part[16] = {0};
    double sum = 0;
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (uint32_t j = 0; j < 16; j++)
            part[j] += x[i + j];
    for (; i < n; i++)
        sum += (double)x[i];
    for (uint32_t j = 0; j < 16; j++)
        sum += (double)part[j];
    return sum / n;
}

void softmax(float *x, uint32_t n)
{
    float max = -INFINITY, sum = 0;
    for (uint32_t i = 0; i < n; i++)
        max = fmaxf(max, x[i]);
    for (uint32_t i = 0; i < n; i++) {
        x[i] = expf(x[i] - max);
        sum += x[i];
    }
    for (uint32_t i = 0; i < n; i++)
        x[i] /= sum;
}

float silu(float x)
{
    return x / (1.0f + expf(-x));
}

float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

float swiglu_clamped(float g, float u)
{
    float x = fminf(g, SWIGLU_LIMIT), y = fmaxf(-SWIGLU_LIMIT, fminf(u, SWIGLU_LIMIT));
    return x * sigmoid(SWIGLU_ALPHA * x) * (y + 1.0f);
}

float gelu_tanh(float x)
{
    const float sqrt_2_over_pi = 0.79788456080286535588f;
    return 0.5f * x * (1.0f + tanhf(sqrt_2_over_pi * x * (1.0f + 0.044715f * x * x)));
}

float gelu_erf(float x)
{
    const float sqrt_half = 0.70710678118654752440f;
    return 0.5f * x * erfcf(-sqrt_half * x);
}

float gate_one(float x, enum gating act)
{
    if (act == GATE_RELU2)
        return x > 0 ? x * x : 0;
    return act == GATE_SILU ? silu(x) : act == GATE_GELU ? gelu_tanh(x) : gelu_erf(x);
}

static void rotate(float *a, float *b, const float cs[2])
{
    float x = *a, y = *b;
    *a = x * cs[0] - y * cs[1];
    *b = x * cs[1] + y * cs[0];
}

void rope_norm(float *x, const float *cs, uint32_t n_rot)
{
    for (uint32_t i = 0; i < n_rot; i += 2)
        rotate(&x[i], &x[i + 1], &cs[i]);
}

void rope_neox(float *x, const float *cs, uint32_t n_rot)
{
    for (uint32_t i = 0; i < n_rot / 2; i++)
        rotate(&x[i], &x[i + n_rot / 2], &cs[(size_t)2 * i]);
}
