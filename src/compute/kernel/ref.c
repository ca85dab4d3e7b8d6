/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/ref: the plain C kernels every other instruction set is tested against.
 *
 * Sums are formed in double, so that the reference is closer to the exact value than any kernel. */
#include <math.h>

#include "compute/kernel.h"
#include "compute/ops.h"
#include "compute/pack.h"
#include "compute/quant.h"

static float dot(const float *a, const float *b, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return (float)sum;
}

static void matmul(const struct matmul *m, uint32_t row0, uint32_t row1, float *scratch)
{
    for (uint32_t r = row0; r < row1; r++) {
        mat_decode_row(m->w, r, scratch, scratch + m->w->cols);
        for (uint32_t t = 0; t < m->n; t++) {
            float *y = &m->y[(size_t)t * m->y_stride + r];
            float sum = dot(scratch, m->x->f32 + (size_t)t * m->x->stride, m->w->cols);
            sum += m->bias ? m->bias[r] : 0.0f;
            *y = m->add ? *y + sum : sum;
        }
    }
}

static void axpy(float *y, float a, const float *x, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

static void scale(float *y, float a, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        y[i] *= a;
}

static void from_f16(const uint16_t *h, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = f16_to_f32(h[i]);
}

static void to_f16(const float *x, uint16_t *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = f32_to_f16(x[i]);
}

static enum act_form form(const struct mat *w, uint32_t n, enum precision precision)
{
    (void)w, (void)n, (void)precision;
    return ACT_F32;
}

static void no_act(const struct act *a, enum act_form f, uint32_t row, uint32_t k0, uint32_t k1)
{
    (void)a, (void)f, (void)row, (void)k0, (void)k1;
}

static void gated(float *g, const float *u, enum gating act, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        g[i] = act == GATE_CLAMPED ? swiglu_clamped(g[i], u[i])
                                   : gate_one(g[i], act) * (u ? u[i] : 1.0f);
}

/* One key after the other; the weights relative to the block's own maximum. */
static void attend_one(const struct attend_block *b, struct attend_query *q)
{
    float s[ATTEND_KEYS], max = q->max;
    for (uint32_t j = q->first; j <= q->last; j++) {
        double sum = 0;
        for (uint32_t c = 0; c < b->d; c++)
            sum += (double)q->q[c] * (double)b->k[(size_t)c * ATTEND_KEYS + j];
        s[j] = (float)sum * b->scale;
        s[j] = b->softcap > 0 ? b->softcap * tanhf(s[j] / b->softcap) : s[j];
        max = fmaxf(max, s[j]);
    }
    float shrink = q->max == max ? 1.0f : expf(q->max - max);
    q->sum *= shrink;
    scale(q->out, shrink, b->d_v);
    for (uint32_t j = q->first; j <= q->last; j++) {
        float p = expf(s[j] - max);
        q->sum += p;
        axpy(q->out, p, b->v + (size_t)j * b->d_v, b->d_v);
    }
    q->max = max;
}

static void delta(const struct delta_token *t)
{
    float kq = 0;
    for (uint32_t i = 0; i < t->d; i++)
        kq += t->k[i] * t->q[i];
    for (uint32_t at = 0; at < t->d; at++)
        delta_value(t, at, kq);
}

static void attend(const struct attend_block *b, struct attend_query *q, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (q[i].first <= q[i].last)
            attend_one(b, &q[i]);
}

const struct kernels kernels_ref = {
    .isa = "ref",
    .form = form,
    .act = no_act,
    .gated = gated,
    .norm = rms_norm,
    .attend = attend,
    .delta = delta,
    .matmul = matmul,
    .dot = dot,
    .axpy = axpy,
    .scale = scale,
    .from_f16 = from_f16,
    .to_f16 = to_f16,
};
