/* SPDX-License-Identifier: Apache-2.0 */
/* compute/fit: the searches that encoders of weight formats (compute/quant_encode) are made of.
 *
 * A group is a run of k weights that share a scale (and a minimum). Every function goes over n
 * groups at once, LANES of them side by side, each by itself: what comes out does not depend on
 * their number, their order, or the instruction set (plain IEEE products and sums, never fused).
 * The error is sum w (x - x')^2, w being 1 where there are no weights. Arrays of groups may hold
 * anything finite; a group that is all zeros has scale 0. */
#ifndef MOAT_COMPUTE_FIT_H
#define MOAT_COMPUTE_FIT_H

#include <stdint.h>

#include "base/err.h"

enum { FIT_K = 256, FIT_TRIES = 48, FIT_VALUES = 16 };

struct fit_groups {
    const float *x, *w; /* [n][k]; w NULL: ones */
    uint32_t n, k;      /* k <= FIT_K */
};

/* What a weight may be in units of its scale: whole numbers lo..hi, or the n_values of `values`, in
 * rising order. Tried are scales that take the weight of largest size (or, with a minimum, the
 * width of the group) to tries[]. */
struct fit_range {
    float lo, hi;
    const float *values; /* NULL: whole numbers */
    bool mirrored;       /* of `round` only: values from 0 on may be negative, code n_values + i */
    uint32_t n_values, n_tries;
    uint32_t n_plain; /* so many of them where there are no weights; 0: all */
    float tries[FIT_TRIES];
};

/* Sums of a group after rounding, of the weights w, the values x and the codes q. */
struct fit_sums {
    float *w, *wx, *wq, *wqq, *wxq; /* [n] each */
};

/* A codebook: n entries of `dims` values each, n a multiple of 64, a dimension after the other. */
struct fit_grid {
    const float *values; /* [dims][n] */
    uint32_t n, dims;
};

struct fit_kernels {
    const char *isa;
    /* x' = d q: the best d of each group. */
    void (*scale)(const struct fit_groups *g, const struct fit_range *r, float *d);
    /* x' = d q - m with 0 <= q <= hi, d >= 0; m >= 0 where `below` (the minimum is never positive).
     */
    void (*scale_min)(const struct fit_groups *g, const struct fit_range *r, bool below, float *d,
                      float *m);
    /* x' = unit s q: moves the whole s of each group by up to `reach`, within s_lo..s_hi, to where
     * the error is least. unit [n]. */
    void (*near_scale)(const struct fit_groups *g, const struct fit_range *r, const float *unit,
                       float s_lo, float s_hi, int reach, float *s);
    /* x' = unit s q - m_unit m: both by up to one, within 0..top. */
    void (*near_scale_min)(const struct fit_groups *g, const struct fit_range *r, const float *unit,
                           const float *m_unit, float top, float *s, float *m);
    /* x' = d q - m (m NULL: 0): the nearest codes, lo..hi or indices of values, and their sums
     * (NULL: either is not wanted; q counts there by its value). */
    void (*round)(const struct fit_groups *g, const struct fit_range *r, const float *d,
                  const float *m, int8_t *q, const struct fit_sums *sums);
    /* out[r][e] = sum over dimensions of y[r] times entry e, for r < runs (1, 2 or a multiple of
     * 4). y [runs][dims], out [runs][stride] */
    void (*grid_sums)(const struct fit_grid *g, const float *y, uint32_t runs, float *out,
                      uint32_t stride);
    /* The entry whose s a - b is least, the first of several, and that. a, b [n] */
    float (*grid_best)(const float *b, const float *a, uint32_t n, float s, uint32_t *entry);
};

/* The strongest that this CPU has; MOAT_ISA lowers it. */
const struct fit_kernels *fit_init(struct err *e) MUST_USE;

extern const struct fit_kernels fit_plain, fit_avx2, fit_avx512;

#endif
