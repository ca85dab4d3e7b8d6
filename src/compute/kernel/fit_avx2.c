/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/fit_avx2: the searches of compute/fit.h in vectors of 8 lanes: AVX2. */
#define LANES 8
#define EXCHANGES(X)                                                                               \
    X(1u, (0, 8, 2, 10, 4, 12, 6, 14), (1, 9, 3, 11, 5, 13, 7, 15))                                \
    X(2u, (0, 1, 8, 9, 4, 5, 12, 13), (2, 3, 10, 11, 6, 7, 14, 15))                                \
    X(4u, (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15))
#include "compute/kernel/fit.h"

const struct fit_kernels fit_avx2 = FIT_TABLE("avx2");
