/* SPDX-License-Identifier: Apache-2.0 */
/* compute/cpu: what this CPU and kernel let a program use. */
#ifndef MOAT_COMPUTE_CPU_H
#define MOAT_COMPUTE_CPU_H

#include <stdbool.h>

bool cpu_any(void);
/* x86-64 */
bool cpu_has_avx2(void);        /* AVX2, FMA, F16C */
bool cpu_has_avx_vnni(void);    /* the above and AVX-VNNI */
bool cpu_has_avx512_vnni(void); /* AVX-512 F, BW, VL, DQ, VNNI */
bool cpu_has_avx512_bf16(void); /* the above and AVX-512 BF16 */
bool cpu_has_amx_bf16(void);    /* the above, AMX tiles and BF16, and the kernel's permission */

/* AArch64 */
bool cpu_has_dotprod(void); /* SDOT */
bool cpu_has_i8mm(void);    /* the above and SMMLA */

#endif
