/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel: one table of functions per instruction set, overlaid weakest to strongest.
 *
 * Kernels cannot fail: sizes were validated when the model was opened. For any number of tokens n
 * and any split of the rows, y[t][r] has the same bits: a sum is formed in one fixed order. */
#ifndef MOAT_COMPUTE_KERNEL_H
#define MOAT_COMPUTE_KERNEL_H

#include "compute/mat.h"

#define MATMUL_ROWS 16 /* rows are handed out in multiples of this */

struct kernels {
    const char *isa;
    /* Rows row0 <= r < row1. scratch: kernel_scratch_floats(cols) floats of this thread. */
    void (*matmul)(const struct matmul *m, uint32_t row0, uint32_t row1, float *scratch);
    float (*dot)(const float *a, const float *b, uint32_t n);
    void (*axpy)(float *y, float a, const float *x, uint32_t n); /* y += a x */
    void (*scale)(float *y, float a, uint32_t n);                /* y *= a */
    void (*from_f16)(const uint16_t *h, float *out, uint32_t n);
    void (*to_f16)(const float *x, uint16_t *out, uint32_t n);
};

/* Picks the table for this CPU; MOAT_ISA (ref, avx2) lowers the level. Unknown or absent levels are
 * ERR_USAGE. */
const struct kernels *kernel_init(struct err *e) MUST_USE;

static inline size_t kernel_scratch_floats(uint32_t cols)
{
    return ((size_t)MATMUL_ROWS + 1) * cols; /* decoded rows, and one as stored */
}

extern const struct kernels kernels_ref, kernels_avx2;

#endif
