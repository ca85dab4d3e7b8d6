/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel: one table of functions per instruction set, overlaid weakest to strongest.
 *
 * Kernels cannot fail: sizes were validated when the model was opened. (I1) y[t][r] has the same
 * bits for any split of the rows and, with the same form of activations, for any number of tokens:
 * a sum is formed in one fixed order. */
#ifndef MOAT_COMPUTE_KERNEL_H
#define MOAT_COMPUTE_KERNEL_H

#include "compute/attend.h"
#include "compute/delta.h"
#include "compute/mat.h"

#define MATMUL_ROWS   16 /* rows are handed out in multiples of this */
#define DECODE_TOKENS 8  /* up to so many rows of activations count as decoding */

/* What sums are formed of. */
enum arithmetic { ARITHMETIC_F32, ARITHMETIC_INT8, ARITHMETIC_BF16, ARITHMETICS };

struct kernels {
    const char *isa;
    /* The form in which this matrix wants n rows of activations. */
    enum act_form (*form)(const struct mat *w, uint32_t n, enum precision precision);
    /* Converts k0 <= k < k1 (multiples of 32, but for the end) of a row from F32 to a form. */
    void (*act)(const struct act *a, enum act_form form, uint32_t row, uint32_t k0, uint32_t k1);
    /* Rows row0 <= r < row1, row0 a multiple of 16. scratch: kernel_scratch_floats(cols) floats of
     * this thread, 64-byte aligned. */
    void (*matmul)(const struct matmul *m, uint32_t row0, uint32_t row1, float *scratch);
    /* The same rows (multiples of 32) of gate and up and their gated product at once; false: this
     * level has no such kernel for these matrices, the caller takes the parts one by one. */
    bool (*gated_matmul)(const struct gated_matmul *m, uint32_t row0, uint32_t row1,
                         float *scratch);
    float (*dot)(const float *a, const float *b, uint32_t n);
    void (*axpy)(float *y, float a, const float *x, uint32_t n); /* y += a x */
    void (*scale)(float *y, float a, uint32_t n);                /* y *= a */
    /* g = act(g) u, or swiglu_clamped(g, u); u NULL: act(g), but for the clamped one */
    void (*gated)(float *g, const float *u, enum gating act, uint32_t n);
    /* out = x / sqrt(mean(x^2) + eps) * weight; out may be x. */
    void (*norm)(const float *x, const float *weight, float eps, float *out, uint32_t n);
    /* n queries go over the keys of a run; what they hold afterwards is not yet divided by their
     * sums. scratch: attend_run_floats, 64-byte aligned. */
    void (*attend)(const struct attend_run *r, struct attend_query *q, uint32_t n, float *scratch);
    /* The same of a prompt, less exactly, where all keys of the queries are in the run: out is the
     * weighted mean afterwards. false: this level has no such kernel for this type and sizes. */
    bool (*attend_prompt)(const struct attend_run *r, struct attend_query *q, uint32_t n,
                          float *scratch);
    void (*delta)(const struct delta_token *t);
    void (*from_f16)(const uint16_t *h, float *out, uint32_t n);
    void (*to_f16)(const float *x, uint16_t *out, uint32_t n);
    /* As many multiply-adds of a kind as can be done, for measuring: how many they were; 0: this
     * level has none of the kind. scratch: as for matmul, all numbers in it finite. */
    uint64_t (*peak)(enum arithmetic kind, uint64_t rounds, float *scratch);
};

/* Picks the functions for this CPU; MOAT_ISA (kernel_isa_names) lowers the level. Unknown or absent
 * levels are ERR_USAGE and ERR_UNSUPPORTED. */
const struct kernels *kernel_init(struct err *e) MUST_USE;

#define PANEL_FLOATS                                                                               \
    (256u * 256u / 2 + 512u * 256u) /* a BF16 panel of 256 rows x 256 k, its sums */

static inline size_t kernel_scratch_floats(uint32_t cols)
{
    size_t rows = ((size_t)MATMUL_ROWS + 1) * cols; /* decoded rows, and one as stored */
    return rows > PANEL_FLOATS ? rows : PANEL_FLOATS;
}

extern const struct kernels kernels_ref;
extern const struct kernels kernels_avx2, kernels_avxvnni, kernels_avx512, kernels_avx512bf16,
    kernels_amx;                                                         /* x86-64 */
extern const struct kernels kernels_neon, kernels_dotprod, kernels_i8mm; /* AArch64 */

#endif
