/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/dotprod: NEON with dot products of bytes (FEAT_DotProd). Rows that are not packed
 * go to the NEON kernels. */
#include "compute/kernel/vec_dotprod.h"

#include "compute/kernel/tile_steps.h"

#define PLAIN_ROWS kernels_neon.matmul
#include "compute/kernel/level.h"

const struct kernels kernels_dotprod = {
    .isa = "dotprod",
    .form = form,
    .act = act,
    .matmul = matmul,
    .peak = peak,
};
