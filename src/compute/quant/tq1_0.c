/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/tq1_0: weights -1 0 1, five to a byte.
 *
 * A byte is ceil(256 * v / 243) where v has the five as digits to base 3. Times 3^i modulo 256
 * leaves digit i foremost, and times 3 its value overflows out of the byte. Byte j of a run of r
 * holds weights j, j + r, ...: runs of 32 and 16 with five digits, then one of 4 with four. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/encoded.h"

static void run(float d, const uint8_t *bytes, int r, int digits, float *restrict out)
{
    uint8_t power = 1;
    for (int i = 0; i < digits; i++, power = (uint8_t)(power * 3))
        for (int j = 0; j < r; j++) {
            uint8_t rest = (uint8_t)(bytes[j] * power);
            out[i * r + j] = d * (float)((rest * 3 >> 8) - 1);
        }
}

void tq1_0_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct tq1_0 *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        run(d, b->qs, 32, 5, out);
        run(d, b->qs + 32, 16, 5, out + 160);
        run(d, b->qh, 4, 4, out + 240);
    }
}

static const struct encode_plan plan = {
    .range = {.lo = -1, .hi = 1, .n_tries = 5, .tries = {1.0f, 1.6f, 2.3f, 3.2f, 4.6f}},
    .k = 256,
    .per = 1,
    .s_lo = 0,
    .s_hi = 0,
    .reach = 0,
};

static void pack(const int8_t *q, int r, int digits, uint8_t *bytes)
{
    for (int j = 0; j < r; j++) {
        int v = 0;
        for (int i = 0; i < 5; i++)
            v = 3 * v + (i < digits ? q[i * r + j] + 1 : 0);
        bytes[j] = (uint8_t)((256 * v + 242) / 243);
    }
}

void tq1_0_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                  uint32_t n)
{
    struct tq1_0 *b = blocks;
    struct encoded e;
    encode_scales(f, &plan, x, w, n, &e);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const int8_t *q = e.q + 256 * i;
        b->d = e.d[i];
        pack(q, 32, 5, b->qs);
        pack(q + 160, 16, 5, b->qs + 32);
        pack(q + 240, 4, 4, b->qh);
    }
}
