/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq2_s: about 2.6 bits: eight weights from a grid of 1024, with signs. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"
#include "compute/quant/encoded_grid.h"

void iq2_s_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq2_s *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 16; s++) {
            float scale = d * (0.5f + (float)nibble(b->scales, s)) * 0.25f;
            for (int k = 2 * s; k < 2 * s + 2; k++) {
                int index = b->qs[k] | (b->qh[k / 4] >> k % 4 * 2 & 3) << 8;
                signed_grid(scale, iq2_s_grid[index], b->signs[k], out + 8 * k, 8);
            }
        }
    }
}

static const struct grid_plan plan = {
    .entries = (const uint8_t *)iq2_s_grid,
    .n = 1024,
    .dims = 8,
    .group = 16,
    .signs = GRID_FREE,
    .level = 0.125f,
    .step = 0.25f,
    .n_levels = 16,
    .shift = 0,
    .shift_runs = 0,
    .largest = 43,
    .tries = {1.0f, 1.25f},
};

void iq2_s_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                  uint32_t n)
{
    struct iq2_s *b = blocks;
    struct grid_block g[ENCODE_PART / 256];
    encode_grid(f, &plan, x, w, n, g);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const struct grid_block *e = &g[i];
        b->d = f32_to_f16(e->d);
        memset(b->qh, 0, sizeof b->qh);
        for (int k = 0; k < 32; k++) {
            b->qs[k] = (uint8_t)e->entry[k];
            b->qh[k / 4] |= (uint8_t)(e->entry[k] >> 8 << k % 4 * 2);
            b->signs[k] = e->negative[k];
        }
        for (int s = 0; s < 8; s++)
            b->scales[s] = (uint8_t)(e->level[2 * s] | e->level[2 * s + 1] << 4);
    }
}
