/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/amx_tiles: what the files that use AMX share. All tiles are 16 rows of 64 bytes.
 *
 * gcc 12: the tile intrinsics say nothing about memory, so compiler barriers stand where a tile
 * reads what plain code wrote and the reverse, and the configuration is static for the same reason.
 */
#ifndef MOAT_COMPUTE_KERNEL_AMX_TILES_H
#define MOAT_COMPUTE_KERNEL_AMX_TILES_H

#include "compute/attend.h"
#include "compute/kernel/bf16.h"

#define SUM_TILE 256u /* F32 sums in a tile: 16 tokens x 16 rows */

#define BARRIER() __asm__ volatile("" ::: "memory")

static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tiles_16x64 = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/* amx_attend.c */
bool amx_attend_prompt(const struct attend_run *r, struct attend_query *q, uint32_t n,
                       float *scratch);

#endif
