/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/bf16_level: matmul and act of an instruction set that reads prompts in BF16 and
 * leaves all else to the AVX-512 kernels. The file that includes it has matmul_bf16. */
#ifndef MOAT_COMPUTE_KERNEL_BF16_LEVEL_H
#define MOAT_COMPUTE_KERNEL_BF16_LEVEL_H

#include "compute/kernel/bf16_panel.h"

/* Whole groups row0..row1 over all tokens. */
static void matmul_bf16(const struct matmul *m, uint32_t row0, uint32_t row1, float *scratch);

static void matmul(const struct matmul *m, uint32_t row0, uint32_t row1, float *scratch)
{
    uint32_t grouped = m->w->rows - m->w->rows % 16, end = row1 < grouped ? row1 : grouped;
    if (m->form != ACT_BF16) {
        kernels_avx512.matmul(m, row0, row1, scratch);
        return;
    }
    if (row0 < end)
        matmul_bf16(m, row0, end, scratch);
    if (row1 > end)
        kernels_avx512.matmul(m, row0 > end ? row0 : end, row1, scratch);
}

static void act(const struct act *a, enum act_form f, uint32_t row, uint32_t k0, uint32_t k1)
{
    if (f == ACT_BF16)
        act_bf16(a, row, k0, k1);
    else
        kernels_avx512.act(a, f, row, k0, k1);
}

#endif
