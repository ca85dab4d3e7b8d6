/* SPDX-License-Identifier: Apache-2.0 */
/* compute/mat: a weight matrix as the kernels see it, and one multiplication with it.
 *
 * One row per output. `data` is borrowed: from the model file, row-major, or from its packed form
 * (compute/pack.h), which has the same bytes in another order. */
#ifndef MOAT_COMPUTE_MAT_H
#define MOAT_COMPUTE_MAT_H

#include "compute/act.h"
#include "gguf/dtype.h"

/* How sums are formed, where a level leaves the choice. */
enum precision {
    PRECISION_NORMAL,
    PRECISION_EXACT, /* in F32 */
    PRECISION_FAST,  /* prompts as fast as int8 with a scale per 32 values lets them */
};

enum mat_layout {
    MAT_ROWS, /* row-major, as in the file */
    MAT_R16,  /* 16 rows together; the last rows % 16 row-major */
};

struct lora_part; /* engine/lora.h */

struct mat {
    const unsigned char
        *data; /* [n_expert][rows] rows of row_bytes; NULL: the model has no such weight */
    enum dtype type;
    enum mat_layout layout;
    uint32_t rows, cols;
    uint64_t row_bytes;
    uint32_t n_expert;            /* 1 but for stacks of experts */
    bool precise;                 /* sums in F32 in every mode: a small error has large effects */
    const struct lora_part *lora; /* what adapters add, or NULL; kernels do not know of it */
};

/* Expert i of a stack, as a plain matrix. */
static inline struct mat mat_expert(const struct mat *m, uint32_t i)
{
    struct mat one = *m;
    one.data += (uint64_t)i * m->rows * m->row_bytes;
    one.n_expert = 1;
    return one;
}

/* Whether `row` lies in a packed group rather than by itself. */
static inline bool mat_is_grouped(const struct mat *m, uint32_t row)
{
    return m->layout == MAT_R16 && row < m->rows - m->rows % 16;
}

/* y[t][r] (+)= sum_k w[r][k] x[t][k] + bias[r], for tokens t < n and the rows r a kernel is asked
 * for. The activations are there in `form`, which kernels->form chose, and always in F32. */
struct matmul {
    const struct mat *w;
    const struct act *x;
    enum act_form form;
    float *y; /* [n][y_stride] */
    uint32_t n, y_stride;
    const float *bias; /* [rows], or NULL */
    bool add;          /* add to y instead of replacing it */
};

/* GATE_GELU is its tanh form, GATE_GELU_ERF the exact one; GATE_RELU2 is max(x, 0)^2. */
enum gating { GATE_SILU, GATE_GELU, GATE_GELU_ERF, GATE_RELU2, GATE_CLAMPED };

/* out[t][r] = act(gate) * up, in BF16 tiles: two multiplications of the same x and what becomes the
 * input of the next. `y` and `add` of both are not used. */
struct gated_matmul {
    struct matmul gate, up;
    enum gating act;
    const struct act *out; /* out->k == gate.w->rows */
};

#endif
