/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq2_xxs: about 2.06 bits: eight weights from a grid of 256, with signs. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"
#include "compute/quant/encoded_grid.h"

void iq2_xxs_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq2_xxs *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 8; s++) {
            uint32_t signs = b->part[s].signs;
            float scale = d * (0.5f + (float)(signs >> 28)) * 0.25f;
            for (int k = 0; k < 4; k++)
                signed_grid(scale, iq2_xxs_grid[b->part[s].grid[k]],
                            sign_bytes[signs >> 7 * k & 127], out + 32 * s + 8 * k, 8);
        }
    }
}

static const struct grid_plan plan = {
    .entries = (const uint8_t *)iq2_xxs_grid,
    .n = 256,
    .dims = 8,
    .group = 32,
    .signs = GRID_EVEN,
    .level = 0.125f,
    .step = 0.25f,
    .n_levels = 16,
    .shift = 0,
    .shift_runs = 0,
    .largest = 43,
    .tries = {1.0f, 1.25f},
};

void iq2_xxs_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                    uint32_t n)
{
    struct iq2_xxs *b = blocks;
    struct grid_block g[ENCODE_PART / 256];
    encode_grid(f, &plan, x, w, n, g);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const struct grid_block *e = &g[i];
        b->d = f32_to_f16(e->d);
        for (int s = 0; s < 8; s++) {
            b->part[s].signs = (uint32_t)e->level[s] << 28;
            for (int k = 0; k < 4; k++) {
                b->part[s].grid[k] = (uint8_t)e->entry[4 * s + k];
                b->part[s].signs |= (e->negative[4 * s + k] & 127u) << 7 * k;
            }
        }
    }
}
