/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/level: form, act and matmul of an instruction set that multiplies packed weights
 * by int8 activations, and in F32 where sums must be exact. Included after a vec_<isa>.h and
 * tile_steps.h or tile_pairs.h; the file that includes it says what multiplies rows that are not
 * packed: PLAIN_ROWS. */
#ifndef MOAT_COMPUTE_KERNEL_LEVEL_H
#define MOAT_COMPUTE_KERNEL_LEVEL_H

#include "compute/kernel/panel.h"
#include "compute/kernel/quantise.h"

static enum act_form form(const struct mat *w, uint32_t n, enum precision precision)
{
    (void)n;
    bool quantised = dtype_block(w->type) > 1;
    return precision != PRECISION_EXACT && quantised && w->layout == MAT_R16 ? ACT_Q8 : ACT_F32;
}

static void act(const struct act *a, enum act_form f, uint32_t row, uint32_t k0, uint32_t k1)
{
    if (f == ACT_Q8)
        act_q8(a, row, k0, k1);
}

static void matmul(const struct matmul *m, uint32_t row0, uint32_t row1, float *scratch)
{
    uint32_t grouped = m->w->layout == MAT_R16 ? m->w->rows - m->w->rows % R16_ROWS : 0;
    uint32_t end = row1 < grouped ? row1 : grouped;
    if (row0 < end)
        packed_matmul(m, row0, end, scratch);
    if (row1 > grouped)
        PLAIN_ROWS(m, row0 > grouped ? row0 : grouped, row1, scratch);
}

#endif
