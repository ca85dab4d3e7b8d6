/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/encoded: see encoded.h. */
#include "compute/quant/encoded.h"

#include <math.h>

static struct fit_groups groups_of(const struct encode_plan *p, const float *x, const float *w,
                                   uint32_t n)
{
    return (struct fit_groups){.x = x, .w = w, .n = n / p->k, .k = p->k};
}

/* As F16, and what that is again. Scales beyond F16 end at its largest. */
static uint16_t to_half(float *v)
{
    float most = 65504.0f;
    uint16_t h = f32_to_f16(*v > most ? most : *v < -most ? -most : *v);
    *v = half(h);
    return h;
}

/* --- 32 weights ------------------------------------------------------------------------------- */

void encode_scales(const struct fit_kernels *f, const struct encode_plan *p, const float *x,
                   const float *w, uint32_t n, struct encoded *out)
{
    struct fit_groups g = groups_of(p, x, w, n);
    float d[ENCODE_GROUPS];
    f->scale(&g, &p->range, d);
    for (uint32_t i = 0; i < g.n; i++)
        out->d[i] = to_half(&d[i]);
    f->round(&g, &p->range, d, NULL, out->q, NULL);
}

void encode_lines(const struct fit_kernels *f, const struct encode_plan *p, const float *x,
                  const float *w, uint32_t n, struct encoded *out)
{
    struct fit_groups g = groups_of(p, x, w, n);
    float d[ENCODE_GROUPS], m[ENCODE_GROUPS];
    f->scale_min(&g, &p->range, false, d, m);
    for (uint32_t i = 0; i < g.n; i++) {
        out->d[i] = to_half(&d[i]);
        out->m[i] = (uint16_t)(to_half(&m[i]) ^ 0x8000); /* the file adds it */
    }
    f->round(&g, &p->range, d, m, out->q, NULL);
}

/* --- 256 weights ------------------------------------------------------------------------------ */

/* Work on a part: a unit for each group (that of its block), and the groups' own scales. */
struct work {
    float d[ENCODE_GROUPS], m[ENCODE_GROUPS];
    float unit[ENCODE_GROUPS], m_unit[ENCODE_GROUPS];
    float w[ENCODE_GROUPS], wx[ENCODE_GROUPS], wq[ENCODE_GROUPS], wqq[ENCODE_GROUPS],
        wxq[ENCODE_GROUPS];
};

static void spread(float *out, uint32_t per, float v)
{
    for (uint32_t i = 0; i < per; i++)
        out[i] = v;
}

static float whole(float v, float lo, float hi)
{
    v = rintf(v);
    return v < lo ? lo : v > hi ? hi : v;
}

/* The value of largest size becomes top units. */
static float unit_of(const float *d, uint32_t per, float top)
{
    float most = 0;
    for (uint32_t i = 0; i < per; i++)
        most = fabsf(d[i]) > fabsf(most) ? d[i] : most;
    return most / top;
}

static void divide(const float *d, float unit, float lo, float hi, uint32_t per, float *s)
{
    for (uint32_t i = 0; i < per; i++)
        s[i] = fabsf(unit) > 0 ? whole(d[i] / unit, lo, hi) : 0;
}

static void multiply(const float *unit, const float *s, uint32_t n, float *d)
{
    for (uint32_t i = 0; i < n; i++)
        d[i] = unit[i] * s[i];
}

static void round_block_scales(const struct fit_kernels *f, const struct encode_plan *p,
                               const struct fit_groups *g, struct work *k, struct encoded *out,
                               bool last)
{
    struct fit_sums sums = {k->w, k->wx, k->wq, k->wqq, k->wxq};
    f->near_scale(g, &p->range, k->unit, p->s_lo, p->s_hi, p->reach, out->s);
    multiply(k->unit, out->s, g->n, k->d);
    f->round(g, &p->range, k->d, NULL, out->q, last ? NULL : &sums);
}

/* d of sum w (x - d s q)^2 over the block. */
static float refit_scale(const struct work *k, const float *s, uint32_t at, uint32_t per)
{
    double xq = 0, qq = 0;
    for (uint32_t i = at; i < at + per; i++) {
        xq += (double)s[i] * (double)k->wxq[i];
        qq += (double)s[i] * (double)s[i] * (double)k->wqq[i];
    }
    return qq > 0 ? (float)(xq / qq) : k->unit[at];
}

void encode_block_scales(const struct fit_kernels *f, const struct encode_plan *p, const float *x,
                         const float *w, uint32_t n, struct encoded *out)
{
    struct fit_groups g = groups_of(p, x, w, n);
    struct work k;
    f->scale(&g, &p->range, k.d);
    for (uint32_t at = 0, b = 0; at < g.n; at += p->per, b++) {
        float unit = unit_of(k.d + at, p->per, p->s_lo);
        out->d[b] = to_half(&unit);
        spread(k.unit + at, p->per, unit);
        divide(k.d + at, unit, p->s_lo, p->s_hi, p->per, out->s + at);
    }
    round_block_scales(f, p, &g, &k, out, false);
    for (uint32_t at = 0, b = 0; at < g.n; at += p->per, b++) {
        float unit = refit_scale(&k, out->s, at, p->per);
        out->d[b] = to_half(&unit);
        spread(k.unit + at, p->per, unit);
    }
    round_block_scales(f, p, &g, &k, out, true);
}

static void round_block_lines(const struct fit_kernels *f, const struct encode_plan *p,
                              const struct fit_groups *g, struct work *k, struct encoded *out,
                              bool last)
{
    struct fit_sums sums = {k->w, k->wx, k->wq, k->wqq, k->wxq};
    f->near_scale_min(g, &p->range, k->unit, k->m_unit, p->s_hi, out->s, out->min);
    multiply(k->unit, out->s, g->n, k->d);
    multiply(k->m_unit, out->min, g->n, k->m);
    f->round(g, &p->range, k->d, k->m, out->q, last ? NULL : &sums);
}

/* d and m of sum w (x - d s q + m min)^2 over the block: two equations. */
static void refit_line(const struct work *k, const struct encoded *o, uint32_t at, uint32_t per,
                       float *d, float *m)
{
    double aa = 0, ab = 0, bb = 0, xa = 0, xb = 0;
    for (uint32_t i = at; i < at + per; i++) {
        double s = (double)o->s[i], t = (double)o->min[i];
        aa += s * s * (double)k->wqq[i];
        ab += s * t * (double)k->wq[i];
        bb += t * t * (double)k->w[i];
        xa += s * (double)k->wxq[i];
        xb += t * (double)k->wx[i];
    }
    double det = aa * bb - ab * ab;
    if (det > 1e-6 * aa * bb) {
        double new_d = (xa * bb - xb * ab) / det, new_m = (xa * ab - xb * aa) / det;
        if (new_d > 0 && new_m >= 0) {
            *d = (float)new_d;
            *m = (float)new_m;
        }
    } else if (aa > 0 && bb <= 0 && xa > 0) {
        *d = (float)(xa / aa);
    }
}

static void set_units(const struct encode_plan *p, struct work *k, struct encoded *out, uint32_t at,
                      float d, float m)
{
    out->d[at / p->per] = to_half(&d);
    out->m[at / p->per] = to_half(&m);
    spread(k->unit + at, p->per, d);
    spread(k->m_unit + at, p->per, m);
}

void encode_block_lines(const struct fit_kernels *f, const struct encode_plan *p, const float *x,
                        const float *w, uint32_t n, struct encoded *out)
{
    struct fit_groups g = groups_of(p, x, w, n);
    struct work k;
    f->scale_min(&g, &p->range, true, k.d, k.m);
    for (uint32_t at = 0; at < g.n; at += p->per) {
        float d = unit_of(k.d + at, p->per, p->s_hi), m = unit_of(k.m + at, p->per, p->s_hi);
        set_units(p, &k, out, at, d, m);
        divide(k.d + at, k.unit[at], 0, p->s_hi, p->per, out->s + at);
        divide(k.m + at, k.m_unit[at], 0, p->s_hi, p->per, out->min + at);
    }
    round_block_lines(f, p, &g, &k, out, false);
    for (uint32_t at = 0; at < g.n; at += p->per) {
        float d = k.unit[at], m = k.m_unit[at];
        refit_line(&k, out, at, p->per, &d, &m);
        set_units(p, &k, out, at, d, m);
    }
    round_block_lines(f, p, &g, &k, out, true);
}
