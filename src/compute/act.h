/* SPDX-License-Identifier: Apache-2.0 */
/* compute/act: the rows of activations a multiplication reads, in the forms kernels want.
 *
 * Prepared once where they are produced and shared by every matrix that reads them (q, k, v; gate,
 * up). K is the row length.
 *   F32   the values themselves
 *   Q8    int8 with one scale per 32 values, and the scaled sums that weight offsets multiply
 *   BF16  tiles of 16 rows x 32 values for AMX; rows are padded to whole tiles with zeros */
#ifndef MOAT_COMPUTE_ACT_H
#define MOAT_COMPUTE_ACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum act_form { ACT_F32, ACT_Q8, ACT_BF16, ACT_FORMS };

struct act {
    uint32_t n, k;
    const float *f32; /* [n][stride] */
    uint32_t stride;
    int8_t *q;      /* [n][k] */
    float *d;       /* [n][k/32] scale: value = d * q */
    float *sum32;   /* [n][k/32] d * sum of q over 32 */
    float *sum16;   /* [n][k/16] d * sum of q over 16 */
    uint16_t *bf16; /* [ceil(n/16)][ceil(k/32)][16][32] */
};

/* Rows from.. of a, n of them; BF16 tiles need `from` to be a multiple of 16. */
static inline struct act act_rows(const struct act *a, uint32_t from, uint32_t n)
{
    struct act r = *a;
    r.n = n;
    r.f32 += (size_t)from * a->stride;
    r.q += (size_t)from * a->k;
    r.d += (size_t)from * (a->k / 32);
    r.sum32 += (size_t)from * (a->k / 32);
    r.sum16 += (size_t)from * (a->k / 16);
    r.bf16 += (size_t)(from / 16) * ((a->k + 31) / 32) * 512;
    return r;
}

#endif
