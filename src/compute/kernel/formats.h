/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/formats: the packed formats a kernel can unpack: type, bytes of one 32-block of 16
 * rows, bits of a weight and whether it has two scales, how. Included after a vec_<isa>.h. */
#ifndef MOAT_COMPUTE_KERNEL_FORMATS_H
#define MOAT_COMPUTE_KERNEL_FORMATS_H

#include "compute/kernel.h"
#include "compute/kernel/unpack.h"

INLINE void store_lanes(const struct matmul *m, uint32_t t, uint32_t row, vf sum)
{
    float *y = m->y + (size_t)t * m->y_stride + row;
    if (m->bias)
        sum = vf_add(sum, vf_load(m->bias + row));
    vf_store(y, m->add ? vf_add(vf_load(y), sum) : sum);
}

/* Beside the bits of a weight, as vd_dot sees it (an index of a codebook is a weight of 8). */
#define TWO_SCALES 16u

#define EACH_PACKED_FORMAT(X)                                                                      \
    X(DTYPE_Q4_0, 288, 4, unpack_q4_0)                                                             \
    X(DTYPE_Q4_1, 320, 4, unpack_q4_1)                                                             \
    X(DTYPE_Q5_0, 352, 5, unpack_q5_0)                                                             \
    X(DTYPE_Q5_1, 384, 5, unpack_q5_1)                                                             \
    X(DTYPE_Q8_0, 544, 8, unpack_q8_0)                                                             \
    X(DTYPE_IQ4_NL, 288, 8, unpack_iq4_nl)                                                         \
    X(DTYPE_Q2_K, 168, 2 | TWO_SCALES, unpack_q2_k)                                                \
    X(DTYPE_Q3_K, 220, 3 | TWO_SCALES, unpack_q3_k)                                                \
    X(DTYPE_Q4_K, 288, 4, unpack_q4_k)                                                             \
    X(DTYPE_Q5_K, 352, 5, unpack_q5_k)                                                             \
    X(DTYPE_Q6_K, 420, 6 | TWO_SCALES, unpack_q6_k)                                                \
    X(DTYPE_IQ4_XS, 272, 8, unpack_iq4_xs)

#endif
