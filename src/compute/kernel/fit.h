/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/fit: the bodies of compute/fit.h, LANES groups side by side. Included by one file
 * for each instruction set, which has defined LANES; compiled without fused products, so that all
 * give the same bits.
 *
 * For codes q fixed, the best scale of x' = d q is sum(w x q) / sum(w q^2), and takes
 * sum(w x q)^2 / sum(w q^2) off the error: so a scale is tried by rounding with it, and scored by
 * that. With a minimum the same holds of two unknowns. */
#ifndef MOAT_COMPUTE_KERNEL_FIT_H
#define MOAT_COMPUTE_KERNEL_FIT_H

#include <math.h>
#include <string.h>

#include "compute/fit.h"

/* EXCHANGES lists the steps of turning LANES vectors of LANES values over: at step s, of every two
 * vectors s apart, the lanes of both that make up the new first, and the new second one. */
#define INLINE static inline __attribute__((always_inline))
#define MAGIC  12582912.0f /* 1.5 * 2^23: adding and taking it off rounds to whole numbers */
#define TINY   1e-30f      /* a scale below has no inverse worth having */

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));

INLINE vf vf_all(float x)
{
    return (vf){0} + x;
}

INLINE vf vf_pick(vi mask, vf a, vf b)
{
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

INLINE vf vf_abs(vf a)
{
    return (vf)((vi)a & 0x7fffffff);
}

INLINE vf vf_between(vf a, vf lo, vf hi)
{
    a = vf_pick(a < lo, lo, a);
    return vf_pick(a > hi, hi, a);
}

/* 1 / a, and 0 where a is too small */
INLINE vf vf_inverse(vf a)
{
    vi sound = vf_abs(a) > vf_all(TINY);
    return vf_pick(sound, 1.0f / vf_pick(sound, a, vf_all(1)), vf_all(0));
}

/* --- the groups of one pass ------------------------------------------------------------------- */

/* Element j of LANES groups; those beyond the last are zeros. */
struct fit_lanes {
    vf x[FIT_K], w[FIT_K];
};

INLINE vf across(const float *p, uint32_t stride, uint32_t n)
{
    float v[LANES] = {0};
    vf r;
    for (uint32_t l = 0; l < n; l++)
        v[l] = p[(size_t)l * stride];
    memcpy(&r, v, sizeof r);
    return r;
}

INLINE uint32_t lanes_from(const struct fit_groups *g, uint32_t at)
{
    return g->n - at < LANES ? g->n - at : LANES;
}

#define LIST(...) __VA_ARGS__
#define EXCHANGE(s, one, two)                                                                      \
    for (uint32_t i = 0; i < LANES; i++)                                                           \
        if (!(i & (s))) {                                                                          \
            vf a = r[i], b = r[i + (s)];                                                           \
            r[i] = __builtin_shufflevector(a, b, LIST one);                                        \
            r[i + (s)] = __builtin_shufflevector(a, b, LIST two);                                  \
        }

/* Rows become columns. */
INLINE void turn_over(vf r[LANES]){EXCHANGES(EXCHANGE)}

INLINE vf vf_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* p: n rows of k, n <= LANES; out[j]: column j. */
static void load_columns(const float *p, uint32_t k, uint32_t n, vf *out)
{
    for (uint32_t j = 0; j < k; j += LANES) {
        vf r[LANES];
        for (uint32_t l = 0; l < LANES; l++)
            r[l] = l < n ? vf_load(p + (size_t)l * k + j) : vf_all(0);
        turn_over(r);
        memcpy(out + j, r, sizeof r);
    }
}

static void load_lanes(const struct fit_groups *g, uint32_t at, struct fit_lanes *v)
{
    load_columns(g->x + (size_t)at * g->k, g->k, lanes_from(g, at), v->x);
    if (g->w)
        load_columns(g->w + (size_t)at * g->k, g->k, lanes_from(g, at), v->w);
}

INLINE void put_lanes(float *out, uint32_t n, vf v)
{
    memcpy(out, &v, n * sizeof *out);
}

/* --- rounding --------------------------------------------------------------------------------- */

/* How codes are found: bounds, or the values and the limits between them. */
struct fit_code {
    vf lo, hi;
    const float *values;
    bool mirrored;
    float step[FIT_VALUES], limit[FIT_VALUES];
    uint32_t n;
};

INLINE struct fit_code code_of(const struct fit_range *r)
{
    struct fit_code c = {
        .lo = vf_all(r->lo), .hi = vf_all(r->hi), .values = r->values, .mirrored = r->mirrored};
    for (uint32_t i = 1; r->values && i < r->n_values; i++) {
        c.step[i] = r->values[i] - r->values[i - 1];
        c.limit[i] = 0.5f * (r->values[i] + r->values[i - 1]);
    }
    c.n = r->n_values;
    return c;
}

/* The nearest value to y, in units of the scale. */
INLINE vf nearest(const struct fit_code *c, vf y)
{
    if (!c->values)
        return vf_between((y + MAGIC) - MAGIC, c->lo, c->hi);
    vf v = vf_all(c->values[0]), size = c->mirrored ? vf_abs(y) : y;
    for (uint32_t i = 1; i < c->n; i++)
        v += (vf)((vi)vf_all(c->step[i]) & (size > vf_all(c->limit[i])));
    return c->mirrored ? (vf)((vi)v | ((vi)y & INT32_MIN)) : v;
}

/* Tries, and rounds of fitting again after the best of them: weights make more worth while. */
INLINE uint32_t tries_of(const struct fit_range *r, bool weighted)
{
    return weighted || !r->n_plain ? r->n_tries : r->n_plain;
}

INLINE int rounds_of(bool weighted)
{
    return weighted ? 4 : 2;
}

/* --- one scale -------------------------------------------------------------------------------- */

struct two_sums {
    vf xq, qq;
};

INLINE struct two_sums sums_of(const struct fit_lanes *v, uint32_t k, bool weighted,
                               const struct fit_code *c, vf inverse)
{
    struct two_sums s = {0};
    for (uint32_t j = 0; j < k; j++) {
        vf q = nearest(c, v->x[j] * inverse), wq = weighted ? v->w[j] * q : q;
        s.xq += wq * v->x[j];
        s.qq += wq * q;
    }
    return s;
}

INLINE vf largest_of(const struct fit_lanes *v, uint32_t k)
{
    vf top = vf_all(0);
    for (uint32_t j = 0; j < k; j++)
        top = vf_pick(vf_abs(v->x[j]) > vf_abs(top), v->x[j], top);
    return top;
}

INLINE void keep_better(struct two_sums s, vf *best, vf *d)
{
    vf inverse = vf_inverse(s.qq), gain = s.xq * s.xq * inverse;
    vi better = gain > *best;
    *d = vf_pick(better, s.xq * inverse, *d);
    *best = vf_pick(better, gain, *best);
}

INLINE vf scale_lanes(const struct fit_lanes *v, uint32_t k, bool weighted,
                      const struct fit_range *r, const struct fit_code *c)
{
    vf top = vf_inverse(largest_of(v, k)), best = vf_all(0), d = vf_all(0);
    for (uint32_t t = 0; t < tries_of(r, weighted); t++)
        keep_better(sums_of(v, k, weighted, c, top * r->tries[t]), &best, &d);
    for (int i = 0; i < rounds_of(weighted); i++)
        keep_better(sums_of(v, k, weighted, c, vf_inverse(d)), &best, &d);
    return d;
}

static void fit_scale(const struct fit_groups *g, const struct fit_range *r, float *d)
{
    struct fit_code plain = code_of(r), c = plain;
    struct fit_lanes v;
    plain.values = NULL;
    c.mirrored = plain.mirrored = false;
    for (uint32_t at = 0; at < g->n; at += LANES) {
        load_lanes(g, at, &v);
        vf out = r->values ? scale_lanes(&v, g->k, g->w, r, &c)
                 : g->w    ? scale_lanes(&v, g->k, true, r, &plain)
                           : scale_lanes(&v, g->k, false, r, &plain);
        put_lanes(d + at, lanes_from(g, at), out);
    }
}

/* --- a scale and a minimum -------------------------------------------------------------------- */

struct line_sums {
    vf w, wx, wq, wqq, wxq;
};

struct line { /* x' = d q + o, and what it takes off the error */
    vf d, o, gain;
};

INLINE void add_line(struct line_sums *s, const struct fit_lanes *v, uint32_t j, bool weighted,
                     vf q)
{
    vf wq = weighted ? v->w[j] * q : q;
    s->wq += wq;
    s->wqq += wq * q;
    s->wxq += wq * v->x[j];
}

/* The least squares; where o may not be above zero, that of a line through zero instead. */
INLINE struct line solve(const struct line_sums *s, bool below)
{
    vf det = s->w * s->wqq - s->wq * s->wq;
    vf inverse = vf_inverse(vf_pick(det > 0, det, vf_all(0)));
    vf d = (s->w * s->wxq - s->wx * s->wq) * inverse;
    vf o = (s->wqq * s->wx - s->wq * s->wxq) * inverse;
    vi flat = inverse == 0;
    o = vf_pick(flat, s->wx * vf_inverse(s->w), o);
    if (below) {
        vi through = (o > 0) & ~flat;
        d = vf_pick(through, s->wxq * vf_inverse(s->wqq), d);
        o = vf_pick(o > 0, vf_all(0), o);
    }
    d = vf_pick(d < 0, vf_all(0), d);
    vf gain =
        2.0f * (d * s->wxq + o * s->wx) - (d * d * s->wqq + 2.0f * d * o * s->wq + o * o * s->w);
    return (struct line){d, o, gain};
}

INLINE void try_line(const struct fit_lanes *v, uint32_t k, bool weighted, bool below, vf hi, vf o,
                     vf inverse, const struct line_sums *of_group, struct line *best)
{
    struct line_sums s = {.w = of_group->w, .wx = of_group->wx};
    for (uint32_t j = 0; j < k; j++) {
        vf q = vf_between(((v->x[j] - o) * inverse + MAGIC) - MAGIC, vf_all(0), hi);
        add_line(&s, v, j, weighted, q);
    }
    struct line l = solve(&s, below);
    vi better = l.gain > best->gain;
    best->d = vf_pick(better, l.d, best->d);
    best->o = vf_pick(better, l.o, best->o);
    best->gain = vf_pick(better, l.gain, best->gain);
}

INLINE struct line line_lanes(const struct fit_lanes *v, uint32_t k, bool weighted, bool below,
                              const struct fit_range *r)
{
    struct line best = {0};
    struct line_sums s = {0};
    vf min = v->x[0], max = v->x[0], hi = vf_all(r->hi);
    for (uint32_t j = 0; j < k; j++) {
        min = vf_pick(v->x[j] < min, v->x[j], min);
        max = vf_pick(v->x[j] > max, v->x[j], max);
        s.w += weighted ? v->w[j] : vf_all(1);
        s.wx += weighted ? v->w[j] * v->x[j] : v->x[j];
    }
    if (below)
        min = vf_pick(min > 0, vf_all(0), min);
    best.gain = vf_all(-1e30f);
    vf width = max - min, inverse = vf_inverse(width);
    for (int inset = 0; inset < (weighted ? 4 : 1); inset++) { /* the ends may matter little */
        vf from = min + width * (0.03f * (float)inset);
        for (uint32_t t = 0; t < tries_of(r, weighted); t++)
            try_line(v, k, weighted, below, hi, from, inverse * r->tries[t], &s, &best);
    }
    for (int i = 0; i < rounds_of(weighted); i++)
        try_line(v, k, weighted, below, hi, best.o, vf_inverse(best.d), &s, &best);
    return best;
}

static void fit_scale_min(const struct fit_groups *g, const struct fit_range *r, bool below,
                          float *d, float *m)
{
    struct fit_lanes v;
    for (uint32_t at = 0; at < g->n; at += LANES) {
        load_lanes(g, at, &v);
        struct line l =
            g->w ? line_lanes(&v, g->k, true, below, r) : line_lanes(&v, g->k, false, below, r);
        put_lanes(d + at, lanes_from(g, at), l.d);
        put_lanes(m + at, lanes_from(g, at), -l.o);
    }
}

/* --- whole scales near by --------------------------------------------------------------------- */

INLINE vf error_of(const struct fit_lanes *v, uint32_t k, bool weighted, const struct fit_code *c,
                   vf d, vf m)
{
    vf inverse = vf_inverse(d), sum = vf_all(0);
    for (uint32_t j = 0; j < k; j++) {
        vf y = v->x[j] + m, e = y - d * nearest(c, y * inverse);
        sum += weighted ? v->w[j] * e * e : e * e;
    }
    return sum;
}

INLINE vf near_lanes(const struct fit_lanes *v, uint32_t k, bool weighted, const struct fit_code *c,
                     vf unit, vf lo, vf hi, int reach, vf s)
{
    vf best = error_of(v, k, weighted, c, unit * s, vf_all(0)), kept = s;
    for (int i = -reach; i <= reach; i++) {
        vf t = vf_between(s + (float)i, lo, hi);
        vf error = error_of(v, k, weighted, c, unit * t, vf_all(0));
        vi better = error < best;
        kept = vf_pick(better, t, kept);
        best = vf_pick(better, error, best);
    }
    return kept;
}

static void fit_near_scale(const struct fit_groups *g, const struct fit_range *r, const float *unit,
                           float s_lo, float s_hi, int reach, float *s)
{
    struct fit_code plain = code_of(r), c = plain;
    struct fit_lanes v;
    vf lo = vf_all(s_lo), hi = vf_all(s_hi);
    plain.values = NULL;
    c.mirrored = plain.mirrored = false;
    for (uint32_t at = 0; at < g->n; at += LANES) {
        uint32_t n = lanes_from(g, at);
        vf u = across(unit + at, 1, n), old = across(s + at, 1, n);
        load_lanes(g, at, &v);
        vf out = r->values ? near_lanes(&v, g->k, g->w, &c, u, lo, hi, reach, old)
                 : g->w    ? near_lanes(&v, g->k, true, &plain, u, lo, hi, reach, old)
                           : near_lanes(&v, g->k, false, &plain, u, lo, hi, reach, old);
        put_lanes(s + at, n, out);
    }
}

struct scale_min {
    vf s, m, error;
};

INLINE struct scale_min near_pair(const struct fit_lanes *v, uint32_t k, bool weighted,
                                  const struct fit_code *c, vf unit, vf m_unit, vf top,
                                  struct scale_min from)
{
    struct scale_min best = from;
    vf zero = vf_all(0);
    best.error = error_of(v, k, weighted, c, unit * from.s, m_unit * from.m);
    for (int i = -1; i <= 1; i++)
        for (int j = -1; j <= 1; j++) {
            if (i == 0 && j == 0)
                continue;
            vf s = vf_between(from.s + (float)i, zero, top);
            vf m = vf_between(from.m + (float)j, zero, top);
            vf error = error_of(v, k, weighted, c, unit * s, m_unit * m);
            vi better = error < best.error;
            best.s = vf_pick(better, s, best.s);
            best.m = vf_pick(better, m, best.m);
            best.error = vf_pick(better, error, best.error);
        }
    return best;
}

static void fit_near_scale_min(const struct fit_groups *g, const struct fit_range *r,
                               const float *unit, const float *m_unit, float top, float *s,
                               float *m)
{
    struct fit_code c = code_of(r);
    struct fit_lanes v;
    c.values = NULL;
    for (uint32_t at = 0; at < g->n; at += LANES) {
        uint32_t n = lanes_from(g, at);
        struct scale_min from = {across(s + at, 1, n), across(m + at, 1, n), vf_all(0)};
        vf u = across(unit + at, 1, n), mu = across(m_unit + at, 1, n);
        load_lanes(g, at, &v);
        struct scale_min to = g->w ? near_pair(&v, g->k, true, &c, u, mu, vf_all(top), from)
                                   : near_pair(&v, g->k, false, &c, u, mu, vf_all(top), from);
        put_lanes(s + at, n, to.s);
        put_lanes(m + at, n, to.m);
    }
}

/* --- the codes -------------------------------------------------------------------------------- */

INLINE vf index_of(const struct fit_code *c, vf y)
{
    vf n = vf_all(0), size = c->mirrored ? vf_abs(y) : y;
    for (uint32_t i = 1; i < c->n; i++)
        n += (vf)((vi)vf_all(1) & (size > vf_all(c->limit[i])));
    vf more = (vf)((vi)vf_all((float)c->n) & (y < 0) & (n > 0));
    return c->mirrored ? n + more : n;
}

typedef int8_t vb __attribute__((vector_size(LANES)));

/* LANES codes of each of n groups, of which there are LANES side by side. */
INLINE void put_codes(int8_t *q, uint32_t k, uint32_t n, vf code[LANES])
{
    turn_over(code);
    for (uint32_t l = 0; l < n; l++) {
        vb bytes = __builtin_convertvector(__builtin_convertvector(code[l], vi), vb);
        memcpy(q + (size_t)l * k, &bytes, sizeof bytes);
    }
}

INLINE void round_lanes(const struct fit_lanes *v, uint32_t k, uint32_t n, bool weighted,
                        const struct fit_code *c, vf d, vf m, int8_t *q, struct line_sums *s)
{
    vf inverse = vf_inverse(d);
    for (uint32_t j = 0; j < k; j += LANES) {
        vf codes[LANES];
        for (uint32_t i = 0; i < LANES; i++) {
            vf y = (v->x[j + i] + m) * inverse, code = nearest(c, y);
            s->w += weighted ? v->w[j + i] : vf_all(1);
            s->wx += weighted ? v->w[j + i] * v->x[j + i] : v->x[j + i];
            add_line(s, v, j + i, weighted, code);
            codes[i] = q && c->values ? index_of(c, y) : code;
        }
        if (q)
            put_codes(q + j, k, n, codes);
    }
}

static void fit_round(const struct fit_groups *g, const struct fit_range *r, const float *d,
                      const float *m, int8_t *q, const struct fit_sums *sums)
{
    struct fit_code c = code_of(r);
    struct fit_lanes v;
    for (uint32_t at = 0; at < g->n; at += LANES) {
        uint32_t n = lanes_from(g, at);
        struct line_sums s = {0};
        load_lanes(g, at, &v);
        round_lanes(&v, g->k, n, g->w, &c, across(d + at, 1, n),
                    m ? across(m + at, 1, n) : vf_all(0), q ? q + (size_t)at * g->k : NULL, &s);
        if (!sums)
            continue;
        put_lanes(sums->w + at, n, s.w);
        put_lanes(sums->wx + at, n, s.wx);
        put_lanes(sums->wq + at, n, s.wq);
        put_lanes(sums->wqq + at, n, s.wqq);
        put_lanes(sums->wxq + at, n, s.wxq);
    }
}

/* --- codebooks -------------------------------------------------------------------------------- */

/* So many runs share a pass over the codebook. */
INLINE void grid_pass(const struct fit_grid *g, const float *y, uint32_t runs, float *out,
                      uint32_t stride)
{
    for (uint32_t e = 0; e < g->n; e += LANES) {
        vf sum[4] = {0};
        for (uint32_t k = 0; k < g->dims; k++) {
            vf v = vf_load(g->values + (size_t)k * g->n + e);
            for (uint32_t r = 0; r < runs; r++)
                sum[r] += v * y[r * g->dims + k];
        }
        for (uint32_t r = 0; r < runs; r++)
            put_lanes(out + (size_t)r * stride + e, LANES, sum[r]);
    }
}

static void fit_grid_sums(const struct fit_grid *g, const float *y, uint32_t runs, float *out,
                          uint32_t stride)
{
    if (runs == 1)
        grid_pass(g, y, 1, out, stride);
    else if (runs == 2)
        grid_pass(g, y, 2, out, stride);
    else
        for (uint32_t r = 0; r < runs; r += 4)
            grid_pass(g, y + r * g->dims, 4, out + (size_t)r * stride, stride);
}

/* The less of two values, the first of equal ones. */
INLINE void keep_less(vf v, vi where, vf *best, vi *at)
{
    vi better = (v < *best) | ((v == *best) & (where < *at));
    *best = vf_pick(better, v, *best);
    *at = (better & where) | (~better & *at);
}

/* Lanes s apart are compared: at the end all are in the first. */
#define FOLD(s, one, two)                                                                          \
    keep_less(__builtin_shufflevector(best[0], best[0], LIST two),                                 \
              __builtin_shufflevector(at[0], at[0], LIST two), &best[0], &at[0]);

static const int32_t lanes[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                  16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                  32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                  48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

/* Four vectors side by side: one after the other they would wait for each other. */
static float fit_grid_best(const float *b, const float *a, uint32_t n, float s, uint32_t *entry)
{
    enum { SIDE = 4 };
    vf best[SIDE];
    vi at[SIDE] = {0}, here = {0};
    for (uint32_t u = 0; u < SIDE; u++)
        best[u] = vf_all(INFINITY);
    for (uint32_t e = 0; e < n; e += SIDE * LANES, here += 1)
        for (uint32_t u = 0; u < SIDE; u++) {
            uint32_t from = e + u * LANES;
            vf v = s * vf_load(a + from) - vf_load(b + from);
            vi better = v < best[u];
            best[u] = vf_pick(better, v, best[u]);
            at[u] = (better & here) | (~better & at[u]);
        }
    for (uint32_t u = 0; u < SIDE; u++) {
        vi lane;
        memcpy(&lane, lanes + u * LANES, sizeof lane);
        at[u] = at[u] * (int32_t)(SIDE * LANES) + lane;
    }
    for (uint32_t u = 1; u < SIDE; u++)
        keep_less(best[u], at[u], &best[0], &at[0]);
    EXCHANGES(FOLD)
    *entry = (uint32_t)at[0][0];
    return best[0][0];
}

#define FIT_TABLE(name)                                                                            \
    {                                                                                              \
        .isa = (name), .scale = fit_scale, .scale_min = fit_scale_min,                             \
        .near_scale = fit_near_scale, .near_scale_min = fit_near_scale_min, .round = fit_round,    \
        .grid_sums = fit_grid_sums, .grid_best = fit_grid_best                                     \
    }

#endif
