/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/neon: NEON as every AArch64 has it. */
#include "compute/kernel/vec_neon.h"

#include "compute/kernel/attend_types.h"
#include "compute/kernel/delta.h"
#include "compute/kernel/dense.h"
#include "compute/kernel/rows.h"
#include "compute/kernel/tile_steps.h"

#define PLAIN_ROWS dense_matmul
#include "compute/kernel/level.h"

const struct kernels kernels_neon = {
    .isa = "neon",
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
