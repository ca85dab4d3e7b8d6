/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/avx512: AVX-512 with VNNI. Rows that are not packed go to the AVX2 kernels. */
#include "compute/kernel/vec_avx512.h"

#include "compute/kernel/attend.h"
#include "compute/kernel/delta.h"
#include "compute/kernel/rows.h"
#include "compute/kernel/tile_steps.h"

#define PLAIN_ROWS kernels_avx2.matmul
#include "compute/kernel/level.h"

const struct kernels kernels_avx512 = {
    .isa = "avx512",
    .form = form,
    .act = act,
    .matmul = matmul,
    .peak = peak,
    .gated = gated_rows,
    .norm = norm_row,
    .delta = delta_rule,
    .attend = attend_keys,
};
