/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/iq1_m: about 1.75 bits: eight weights -1 0 1 from a grid of 2048, each eight moved
 * by 1/8. */
#include "compute/quant.h"
#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"
#include "compute/quant/codebooks.h"
#include "compute/quant/encoded_grid.h"

static uint16_t scattered_scale(const struct iq1_m *b)
{
    int d = 0;
    for (int i = 0; i < 4; i++)
        d |= b->scales[i] >> 12 << 4 * i;
    return (uint16_t)d;
}

void iq1_m_decode(const void *restrict blocks, float *restrict out, uint64_t n)
{
    const struct iq1_m *b = blocks;
    for (uint64_t i = 0; i < n / 256; i++, b++, out += 256) {
        float d = half(scattered_scale(b));
        for (int s = 0; s < 16; s++) {
            float scale = d * (float)(2 * (b->scales[s / 4] >> s % 4 * 3 & 7) + 1);
            for (int k = 2 * s; k < 2 * s + 2; k++) {
                int high = nibble(b->qh, k);
                const int8_t *grid = iq1_grid[b->qs[k] | (high & 7) << 8];
                float delta = high & 8 ? -0.125f : 0.125f;
                for (int j = 0; j < 8; j++)
                    out[8 * k + j] = scale * ((float)grid[j] + delta);
            }
        }
    }
}

static const struct grid_plan plan = {
    .entries = (const uint8_t *)iq1_grid,
    .n = 2048,
    .dims = 8,
    .group = 16,
    .signs = GRID_SIGNED,
    .level = 1,
    .step = 2,
    .n_levels = 8,
    .shift = 0.125f,
    .shift_runs = 1,
    .largest = 1,
    .tries = {1.4f, 2.0f},
};

void iq1_m_encode(const struct fit_kernels *f, const float *x, const float *w, void *blocks,
                  uint32_t n)
{
    struct iq1_m *b = blocks;
    struct grid_block g[ENCODE_PART / 256];
    encode_grid(f, &plan, x, w, n, g);
    for (uint32_t i = 0; i < n / 256; i++, b++) {
        const struct grid_block *e = &g[i];
        uint16_t d = f32_to_f16(e->d);
        memset(b->qh, 0, sizeof b->qh);
        for (int s = 0; s < 4; s++)
            b->scales[s] =
                (uint16_t)((d >> 4 * s & 15) << 12 | e->level[4 * s] | e->level[4 * s + 1] << 3 |
                           e->level[4 * s + 2] << 6 | e->level[4 * s + 3] << 9);
        for (int k = 0; k < 32; k++) {
            int high = e->entry[k] >> 8 | (e->moved_down[k] ? 8 : 0);
            b->qs[k] = (uint8_t)e->entry[k];
            b->qh[k / 2] |= (uint8_t)(high << k % 2 * 4);
        }
    }
}
