/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/q5_0: 5-bit weights, w = d * (q - 16). */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"

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
