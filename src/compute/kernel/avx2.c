/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/avx2: AVX2, FMA and F16C. */
#include "compute/kernel/vec_avx2.h"

#include "compute/kernel/attend_types.h"
#include "compute/kernel/delta.h"
#include "compute/kernel/dense.h"
#include "compute/kernel/rows.h"
#include "compute/kernel/tile_steps.h"

#define PLAIN_ROWS dense_matmul
#include "compute/kernel/level.h"

const struct kernels kernels_avx2 = {
    .isa = "avx2",
    .form = form,
    .act = act,
    .matmul = matmul,
    .peak = peak,
    .dot = dot,
    .axpy = axpy,
    .gated = gated_rows,
    .norm = norm_row,
    .delta = delta_rule,
    .attend = attend_any,
    .scale = scale,
    .from_f16 = from_f16,
    .to_f16 = to_f16,
};
