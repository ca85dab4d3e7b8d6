/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q5_0: 5-bit weights, w = d * (q - 16). */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/encoded.h"

void q5_0_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct q5_0 *b = blocks;
    for (uint64_t i = 0; i < n / 32; i++, b++, out += 32) {
        float d = half(b->d);
        uint32_t qh = b->qh;
        for (int j = 0; j < 16; j++) {
            out[j] = d * (float)((b->qs[j] & 15) - (qh & bit_mask[j] ? 0 : 16));
            out[j + 16] = d * (float)((b->qs[j] >> 4) - (qh & bit_mask[j + 16] ? 0 : 16));
        }
    }
}

static const struct encode_plan plan = {
    .range = {.lo = -16,
              .hi = 15,
              .n_tries = 9,
              .n_plain = 1,
              .tries = {-16.0f, -16.6f, -17.4f, -18.4f, -20.0f, 15.4f, 16.4f, 17.6f, -15.4f}},
    .k = 32,
    .per = 1,
    .s_lo = 0,
    .s_hi = 0,
    .reach = 0,
};

void q5_0_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                 uint32_t n)
{
    struct q5_0 *b = blocks;
    struct encoded e;
    encode_scales(f, &plan, x, w, n, &e);
    for (uint32_t i = 0; i < n / 32; i++, b++) {
        const int8_t *q = e.q + 32 * i;
        b->d = e.d[i];
        b->qh = 0;
        for (int j = 0; j < 32; j++)
            b->qh |= q[j] >= 0 ? bit_mask[j] : 0;
        put_nibbles(b->qs, q, 16);
    }
}
