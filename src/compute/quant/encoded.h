/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/encoded: what the encoders of several formats share (compute/quant_encode).
 *
 * A format of 32 weights has one scale (and one minimum) a block, in F16. One of 256 has a whole
 * scale (and minimum) for each group of 16 or 32, times one (or two) in F16 for the block: first
 * each group is fitted by itself; then the block's unit follows from the largest group, each
 * group's whole numbers are moved to where the error is least, and the units are fitted once more
 * to all codes together. */
#ifndef MOAT_COMPUTE_QUANT_ENCODED_H
#define MOAT_COMPUTE_QUANT_ENCODED_H

#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant_encode.h"

enum { ENCODE_GROUPS = ENCODE_PART / 16, ENCODE_BLOCKS = ENCODE_PART / 32 };

struct encoded {
    uint16_t d[ENCODE_BLOCKS], m[ENCODE_BLOCKS]; /* F16, of each block */
    float s[ENCODE_GROUPS], min[ENCODE_GROUPS];  /* whole numbers of each group */
    int8_t q[ENCODE_PART];                       /* codes */
};

struct encode_plan {
    struct fit_range range;
    uint32_t k;       /* weights of a group */
    uint32_t per;     /* groups of a block */
    float s_lo, s_hi; /* of a group's whole scale (and minimum, from 0) */
    int reach;        /* how far a whole scale may move */
};

/* One scale for each k weights, x' = d q. */
void encode_scales(const struct fit_kernels *f, const struct encode_plan *p, const float *x,
                   const float *w, uint32_t n, struct encoded *out);
/* And a minimum of any sign, x' = d q + m. */
void encode_lines(const struct fit_kernels *f, const struct encode_plan *p, const float *x,
                  const float *w, uint32_t n, struct encoded *out);
/* Whole scales: x' = (d s) q. */
void encode_block_scales(const struct fit_kernels *f, const struct encode_plan *p, const float *x,
                         const float *w, uint32_t n, struct encoded *out);
/* Whole scales and minima: x' = (d s) q - (m min). */
void encode_block_lines(const struct fit_kernels *f, const struct encode_plan *p, const float *x,
                        const float *w, uint32_t n, struct encoded *out);

/* 16 low, 16 high; the low four bits of q. */
static inline void put_nibbles(uint8_t *out, const int8_t *q, int offset)
{
    for (int j = 0; j < 16; j++)
        out[j] = (uint8_t)(((q[j] + offset) & 15) | ((q[j + 16] + offset) & 15) << 4);
}

#endif
