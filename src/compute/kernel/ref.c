/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/ref: the plain C kernels every other instruction set is tested against.
 *
 * Sums are formed in double, so that the reference is closer to the exact value than any kernel. */
#include <math.h>

#include "compute/kernel.h"
#include "compute/kv_block.h"
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

static float score_of(const struct attend_run *r, const void *k, uint32_t slot, const float *q)
{
    double sum = 0;
    for (uint32_t c = 0; c < r->d; c++)
        sum += (double)q[c] * (double)kv_key_at(r->type, k, r->d, slot, c);
    float s = (float)sum * r->scale;
    return r->softcap > 0 ? r->softcap * tanhf(s / r->softcap) : s;
}

/* Keys from..to of a tile, one after the other; weights relative to the tile's own maximum. */
static void attend_tile(const struct attend_run *r, struct attend_query *q, uint32_t from,
                        uint32_t to)
{
    float s[TILE_KEYS], max = q->max;
    const void *k, *v;
    for (uint32_t j = from; j <= to; j++) {
        r->block(r, j / ATTEND_KEYS, &k, &v);
        s[j - from] =
            score_of(r, k, j % ATTEND_KEYS, q->q) + q->slope * (float)((int64_t)j - (int64_t)q->to);
        max = fmaxf(max, s[j - from]);
    }
    float shrink = q->max == max ? 1.0f : expf(q->max - max);
    q->sum *= shrink;
    scale(q->out, shrink, r->d_v);
    for (uint32_t j = from; j <= to; j++) {
        float p = expf(s[j - from] - max);
        q->sum += p;
        r->block(r, j / ATTEND_KEYS, &k, &v);
        for (uint32_t c = 0; c < r->d_v; c++)
            q->out[c] += p * kv_value_at(r->type, v, r->d_v, j % ATTEND_KEYS, c);
    }
    q->max = max;
}

static void attend(const struct attend_run *r, struct attend_query *q, uint32_t n, float *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = q[i].from > r->first ? q[i].from : r->first;
        uint32_t to = q[i].to < r->last ? q[i].to : r->last;
        for (uint32_t end; from <= to; from = end + 1) {
            end = from / TILE_KEYS * TILE_KEYS + TILE_KEYS - 1;
            end = end < to ? end : to;
            attend_tile(r, &q[i], from, end);
        }
    }
}

static void delta(const struct delta_token *t)
{
    float kq = 0;
    for (uint32_t i = 0; i < t->d; i++)
        kq += t->k[i] * t->q[i];
    for (uint32_t at = 0; at < t->d; at++)
        delta_value(t, at, kq);
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
