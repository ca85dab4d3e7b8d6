/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/avx512: AVX-512 with VNNI. Rows that are not packed go to the AVX2 kernels. */
#include "compute/kernel/vec_avx512.h"

#include "compute/kernel/attend_q8.h"
#include "compute/kernel/attend_types.h"
#include "compute/kernel/delta.h"
#include "compute/kernel/rows.h"
#include "compute/kernel/tile_steps.h"

#define PLAIN_ROWS kernels_avx2.matmul
#include "compute/kernel/level.h"

static void attend(const struct attend_run *r, struct attend_query *q, uint32_t n, float *scratch)
{
    (r->type == KV_Q8 ? attend_q8 : attend_any)(r, q, n, scratch);
}

const struct kernels kernels_avx512 = {
    .isa = "avx512",
    .form = form,
    .act = act,
    .matmul = matmul,
    .peak = peak,
    .gated = gated_rows,
    .norm = norm_row,
    .delta = delta_rule,
    .attend = attend,
};
