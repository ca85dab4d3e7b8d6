/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/fit_plain: the searches of compute/fit.h in vectors of 4 lanes: every 128 bits
 * wide, which all have. */
#define LANES        4
#define EXCHANGES(X) X(1u, (0, 4, 2, 6), (1, 5, 3, 7)) X(2u, (0, 1, 4, 5), (2, 3, 6, 7))
#include "compute/kernel/fit.h"

const struct fit_kernels fit_plain = FIT_TABLE("plain");
