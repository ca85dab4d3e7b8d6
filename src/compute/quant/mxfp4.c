/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/mxfp4: 4-bit floating point weights with a power of two for each 32.
 *
 * The values are kept doubled, so the scale is half of 2^(e - 127); where that is subnormal (e < 2)
 * its single bit is shifted into the fraction. e = 255 is not NaN here: the reference goes on to
 * 2^127. */
#include "compute/quant.h"

#include <math.h>

#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"
#include "compute/quant/encoded.h"

void mxfp4_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct mxfp4 *b = blocks;
    for (uint64_t i = 0; i < n / 32; i++, b++, out += 32) {
        float d = float_of_bits(b->e < 2 ? 0x00200000u << b->e : (b->e - 1u) << 23);
        for (int j = 0; j < 16; j++) {
            out[j] = d * mxfp4_values[b->qs[j] & 15];
            out[j + 16] = d * mxfp4_values[b->qs[j] >> 4];
        }
    }
}

/* The first half of mxfp4_values; the second is the same, negative. */
static const float sizes[8] = {0, 1, 2, 3, 4, 6, 8, 12};

static const struct fit_range range = {.values = sizes, .n_values = 8, .mirrored = true};

static float scale_of(int e)
{
    return ldexpf(1, e - 128);
}

static int clamp_exponent(int e)
{
    return e < 0 ? 0 : e > 254 ? 254 : e;
}

/* The power of two that the largest weight asks for, or the next: where the error is less.
 */
static void choose_exponents(const struct fit_kernels *f, const struct fit_groups *g, int *e)
{
    float best[ENCODE_BLOCKS], d[ENCODE_BLOCKS], s[5][ENCODE_BLOCKS];
    int first[ENCODE_BLOCKS];
    struct fit_sums sums = {s[0], s[1], s[2], s[3], s[4]};
    for (uint32_t i = 0; i < g->n; i++) {
        float most = 0;
        for (uint32_t j = 0; j < 32; j++)
            most = fmaxf(most, fabsf(g->x[32 * i + j]));
        first[i] = most > 0 ? ilogbf(most / 12) + 128 : 0;
    }
    for (int step = 0; step < 2; step++) {
        for (uint32_t i = 0; i < g->n; i++)
            d[i] = scale_of(clamp_exponent(first[i] + step));
        f->round(g, &range, d, NULL, NULL, &sums);
        for (uint32_t i = 0; i < g->n; i++) {
            float error = d[i] * d[i] * s[3][i] - 2 * d[i] * s[4][i];
            if (step > 0 && !(error < best[i]))
                continue;
            best[i] = error;
            e[i] = clamp_exponent(first[i] + step);
        }
    }
}

void mxfp4_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                  uint32_t n)
{
    struct mxfp4 *b = blocks;
    struct fit_groups g = {.x = x, .w = w, .n = n / 32, .k = 32};
    float d[ENCODE_BLOCKS];
    int e[ENCODE_BLOCKS];
    int8_t q[ENCODE_PART];
    choose_exponents(f, &g, e);
    for (uint32_t i = 0; i < g.n; i++)
        d[i] = scale_of(e[i]);
    f->round(&g, &range, d, NULL, q, NULL);
    for (uint32_t i = 0; i < g.n; i++, b++) {
        b->e = (uint8_t)e[i];
        for (uint32_t j = 0; j < 16; j++)
            b->qs[j] = (uint8_t)(q[32 * i + j] | q[32 * i + j + 16] << 4);
    }
}
