/* SPDX-License-Identifier: Apache-2.0 */
/* compute/ops: the small operations between the matrix multiplications, on one row. */
#ifndef MOAT_COMPUTE_OPS_H
#define MOAT_COMPUTE_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "compute/mat.h"

/* out = x / sqrt(mean(x^2) + eps) * weight; Zhang & Sennrich 2019. weight NULL: 1. out may be x. */
void rms_norm(const float *x, const float *weight, float eps, float *out, uint32_t n);

double row_mean(const float *x, uint32_t n);

void softmax(float *x, uint32_t n); /* in place, stable */

float silu(float x);                      /* x * sigmoid(x) */
float gelu_tanh(float x);                 /* Hendrycks & Gimpel 2016, tanh form */
float gelu_erf(float x);                  /* exact form: x times the normal distribution function */
float gate_one(float x, enum gating act); /* of one value, but for GATE_CLAMPED */

/* SwiGLU as gpt-oss has it: x sigmoid(a x) (y + 1), x = min(g, limit), y = u held to +-limit. */
#define SWIGLU_ALPHA 1.702f
#define SWIGLU_LIMIT 7.0f
float swiglu_clamped(float g, float u);
float sigmoid(float x);

/* Rotates pairs of a head of n_rot coordinates by the angles whose cos and sin are in cs
 * [n_rot/2][2]. norm: pairs are neighbours (x0,x1); neox: halves (x0, x_{n_rot/2}). */
void rope_norm(float *x, const float *cs, uint32_t n_rot);
void rope_neox(float *x, const float *cs, uint32_t n_rot);

#endif
