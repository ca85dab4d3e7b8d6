/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq2_xs: about 2.3 bits: eight weights from a grid of 512, with signs. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"
#include "compute/quant/encoded_grid.h"

void iq2_xs_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq2_xs *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(b->d);
        for (int s = 0; s < 16; s++) {
            float scale = d * (0.5f + (float)nibble(b->scales, s)) * 0.25f;
            for (int k = 0; k < 2; k++) {
                int q = b->qs[2 * s + k];
                signed_grid(scale, iq2_xs_grid[q & 511], sign_bytes[q >> 9], out + 16 * s + 8 * k,
                            8);
            }
        }
    }
}

static const struct grid_plan plan = {
    .entries = (const uint8_t *)iq2_xs_grid,
    .n = 512,
    .dims = 8,
    .group = 16,
    .signs = GRID_EVEN,
    .level = 0.125f,
    .step = 0.25f,
    .n_levels = 16,
    .shift = 0,
    .shift_runs = 0,
    .largest = 43,
    .tries = {1.0f, 1.25f},
};

void iq2_xs_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                   uint32_t n)
{
    struct iq2_xs *b = blocks;
    struct grid_block g[ENCODE_PART / 256];
    encode_grid(f, &plan, x, w, n, g);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const struct grid_block *e = &g[i];
        b->d = f32_to_f16(e->d);
        for (int k = 0; k < 32; k++)
            b->qs[k] = (uint16_t)(e->entry[k] | (e->negative[k] & 127) << 9);
        for (int s = 0; s < 8; s++)
            b->scales[s] = (uint8_t)(e->level[2 * s] | e->level[2 * s + 1] << 4);
    }
}
