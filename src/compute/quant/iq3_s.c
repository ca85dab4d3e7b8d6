/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq3_s: about 3.4 bits: four weights from a grid of 512, with signs. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"
#include "compute/quant/encoded_grid.h"

void iq3_s_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq3_s *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 8; s++) {
            float scale = d * (float)(1 + 2 * nibble(b->scales, s));
            for (int k = 8 * s; k < 8 * s + 8; k++) {
                int index = b->qs[k] | (b->qh[s] >> k % 8 & 1) << 8;
                signed_grid(scale, iq3_s_grid[index], nibble(b->signs, k), out + 4 * k, 4);
            }
        }
    }
}

static const struct grid_plan plan = {
    .entries = (const uint8_t *)iq3_s_grid,
    .n = 512,
    .dims = 4,
    .group = 32,
    .signs = GRID_FREE,
    .level = 1,
    .step = 2,
    .n_levels = 16,
    .shift = 0,
    .shift_runs = 0,
    .largest = 15,
    .tries = {1.0f, 1.2f},
};

void iq3_s_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                  uint32_t n)
{
    struct iq3_s *b = blocks;
    struct grid_block g[ENCODE_PART / 256];
    encode_grid(f, &plan, x, w, n, g);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const struct grid_block *e = &g[i];
        b->d = f32_to_f16(e->d);
        memset(b->qh, 0, sizeof b->qh);
        for (int k = 0; k < 64; k++) {
            b->qs[k] = (uint8_t)e->entry[k];
            b->qh[k / 8] |= (uint8_t)(e->entry[k] >> 8 << k % 8);
        }
        memcpy(b->signs, e->negative, sizeof b->signs);
        for (int s = 0; s < 4; s++)
            b->scales[s] = (uint8_t)(e->level[2 * s] | e->level[2 * s + 1] << 4);
    }
}
