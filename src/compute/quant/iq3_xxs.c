/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq3_xxs: about 3.06 bits: four weights from a grid of 256, with signs. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"
#include "compute/quant/encoded_grid.h"

void iq3_xxs_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq3_xxs *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 8; s++) {
            uint32_t signs = b->signs[s];
            float scale = d * (0.5f + (float)(signs >> 28)) * 0.5f;
            for (int k = 0; k < 8; k++)
                signed_grid(scale, iq3_xxs_grid[b->qs[8 * s + k]],
                            (uint32_t)sign_bytes[signs >> k / 2 * 7 & 127] >> k % 2 * 4,
                            out + 32 * s + 4 * k, 4);
        }
    }
}

static const struct grid_plan plan = {
    .entries = (const uint8_t *)iq3_xxs_grid,
    .n = 256,
    .dims = 4,
    .group = 32,
    .signs = GRID_EVEN,
    .level = 0.25f,
    .step = 0.5f,
    .n_levels = 16,
    .shift = 0,
    .shift_runs = 0,
    .largest = 62,
    .tries = {1.0f, 1.2f},
};

void iq3_xxs_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                    uint32_t n)
{
    struct iq3_xxs *b = blocks;
    struct grid_block g[ENCODE_PART / 256];
    encode_grid(f, &plan, x, w, n, g);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const struct grid_block *e = &g[i];
        b->d = f32_to_f16(e->d);
        for (int s = 0; s < 8; s++) {
            uint32_t signs = (uint32_t)e->level[s] << 28;
            for (int k = 0; k < 4; k++)
                signs |= (e->negative[4 * s + k] & 127u) << 7 * k;
            b->signs[s] = signs;
        }
        for (int k = 0; k < 64; k++)
            b->qs[k] = (uint8_t)e->entry[k];
    }
}
