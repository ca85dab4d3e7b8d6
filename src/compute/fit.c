/* SPDX-License-Identifier: Apache-2.0 */
/* compute/fit: see fit.h. Which table a level of MOAT_ISA (compute/kernel) may use. */
#include "compute/fit.h"

#include <string.h>

#include "compute/cpu.h"
#include "compute/kernel.h"

const struct fit_kernels *fit_init(struct err *e)
{
    const struct kernels *k = kernel_init(e);
    if (!k)
        return NULL;
#if defined(__x86_64__)
    if (strcmp(k->isa, "ref") == 0)
        return &fit_plain;
    if (strncmp(k->isa, "avx512", 6) == 0 || strcmp(k->isa, "amx") == 0)
        return &fit_avx512;
    return &fit_avx2;
#else
    return &fit_plain;
#endif
}
