/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/i8mm: dotprod.c with SMMLA (FEAT_I8MM) for prompts. */
#include "compute/kernel/vec_dotprod.h"

#include "compute/kernel/tile_pairs.h"

#define PLAIN_ROWS kernels_neon.matmul
#include "compute/kernel/level.h"

const struct kernels kernels_i8mm = {
    .isa = "i8mm",
    .form = form,
    .act = act,
    .matmul = matmul,
    .peak = peak,
};
