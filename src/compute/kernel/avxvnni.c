/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/avxvnni: AVX-VNNI: AVX2 with dot products of bytes. Rows that are not packed go to
 * the AVX2 kernels. */
#include "compute/kernel/vec_avxvnni.h"

#include "compute/kernel/tile_steps.h"

#define PLAIN_ROWS kernels_avx2.matmul
#include "compute/kernel/level.h"

const struct kernels kernels_avxvnni = {
    .isa = "avxvnni",
    .form = form,
    .act = act,
    .matmul = matmul,
    .peak = peak,
};
