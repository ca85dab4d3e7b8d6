/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq4_xs: IQ4_NL values with a 6-bit scale for each 32. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"
#include "compute/quant/encoded.h"

void iq4_xs_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq4_xs *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 8; s++) {
            const uint8_t *qs = b->qs + 16 * s;
            float *w = out + 32 * s;
            int scale = nibble(b->scales_l, s) | (b->scales_h >> 2 * s & 3) << 4;
            float ds = d * (float)(scale - 32);
            for (int j = 0; j < 16; j++) {
                w[j] = ds * iq4_nl_values[qs[j] & 15];
                w[j + 16] = ds * iq4_nl_values[qs[j] >> 4];
            }
        }
    }
}

static const struct encode_plan plan = {
    .range = {.lo = 0,
              .hi = 0,
              .n_tries = 12,
              .tries = {-133.0f, -130.0f, -127.0f, -124.0f, -121.0f, -118.0f, -115.0f, 119.0f,
                        116.0f, 113.0f, 110.0f, 107.0f},
              .values = iq4_nl_values,
              .n_values = 16},
    .k = 32,
    .per = 8,
    .s_lo = -32,
    .s_hi = 31,
    .reach = 1,
};

void iq4_xs_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                   uint32_t n)
{
    struct iq4_xs *b = blocks;
    struct encoded e;
    encode_block_scales(f, &plan, x, w, n, &e);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const int8_t *q = e.q + 256 * i;
        b->d = e.d[i];
        b->scales_h = 0;
        memset(b->scales_l, 0, sizeof b->scales_l);
        for (int s = 0; s < 8; s++) {
            int scale = (int)e.s[8 * i + (uint32_t)s] + 32;
            b->scales_h = (uint16_t)(b->scales_h | scale >> 4 << 2 * s);
            b->scales_l[s / 2] |= (uint8_t)((scale & 15) << s % 2 * 4);
            put_nibbles(b->qs + 16 * s, q + 32 * s, 0);
        }
    }
}
