/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq1_s: about 1.6 bits: eight weights -1 0 1 from a grid of 2048, all moved by 1/8.
 */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"
#include "compute/quant/encoded_grid.h"

void iq1_s_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq1_s *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 8; s++) {
            int qh = b->qh[s];
            float scale = d * (float)(2 * (qh >> 12 & 7) + 1),
                  delta = qh & 0x8000 ? -0.125f : 0.125f;
            for (int k = 0; k < 4; k++) {
                const int8_t *grid = iq1_grid[b->qs[4 * s + k] | (qh >> 3 * k & 7) << 8];
                for (int j = 0; j < 8; j++)
                    out[32 * s + 8 * k + j] = scale * ((float)grid[j] + delta);
            }
        }
    }
}

static const struct grid_plan plan = {
    .entries = (const uint8_t *)iq1_grid,
    .n = 2048,
    .dims = 8,
    .group = 32,
    .signs = GRID_SIGNED,
    .level = 1,
    .step = 2,
    .n_levels = 8,
    .shift = 0.125f,
    .shift_runs = 4,
    .largest = 1,
    .tries = {1.4f, 2.0f},
};

void iq1_s_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                  uint32_t n)
{
    struct iq1_s *b = blocks;
    struct grid_block g[ENCODE_PART / 256];
    encode_grid(f, &plan, x, w, n, g);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const struct grid_block *e = &g[i];
        b->d = f32_to_f16(e->d);
        for (int s = 0; s < 8; s++) {
            int qh = e->level[s] << 12 | (e->moved_down[4 * s] ? 0x8000 : 0);
            for (int k = 0; k < 4; k++) {
                b->qs[4 * s + k] = (uint8_t)e->entry[4 * s + k];
                qh |= e->entry[4 * s + k] >> 8 << 3 * k;
            }
            b->qh[s] = (uint16_t)qh;
        }
    }
}
