/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant_encode: the table of encoders. See quant_encode.h. */
#include "compute/quant_encode.h"

static quant_encode_fn *const encoders[DTYPE_COUNT] = {
    [DTYPE_F32] = f32_encode,         [DTYPE_F16] = f16_encode,
    [DTYPE_BF16] = bf16_encode,       [DTYPE_Q4_0] = q4_0_encode,
    [DTYPE_Q4_1] = q4_1_encode,       [DTYPE_Q5_0] = q5_0_encode,
    [DTYPE_Q5_1] = q5_1_encode,       [DTYPE_Q8_0] = q8_0_encode,
    [DTYPE_Q2_K] = q2_k_encode,       [DTYPE_Q3_K] = q3_k_encode,
    [DTYPE_Q4_K] = q4_k_encode,       [DTYPE_Q5_K] = q5_k_encode,
    [DTYPE_Q6_K] = q6_k_encode,       [DTYPE_IQ4_NL] = iq4_nl_encode,
    [DTYPE_IQ4_XS] = iq4_xs_encode,   [DTYPE_TQ1_0] = tq1_0_encode,
    [DTYPE_TQ2_0] = tq2_0_encode,     [DTYPE_MXFP4] = mxfp4_encode,
    [DTYPE_IQ1_S] = iq1_s_encode,     [DTYPE_IQ1_M] = iq1_m_encode,
    [DTYPE_IQ2_XXS] = iq2_xxs_encode, [DTYPE_IQ2_XS] = iq2_xs_encode,
    [DTYPE_IQ2_S] = iq2_s_encode,     [DTYPE_IQ3_XXS] = iq3_xxs_encode,
    [DTYPE_IQ3_S] = iq3_s_encode,
};

bool quant_can_encode(enum dtype t)
{
    return (unsigned)t < DTYPE_COUNT && encoders[t];
}

bool quant_wants_importance(enum dtype t)
{
    return t == DTYPE_IQ1_S || t == DTYPE_IQ1_M || t == DTYPE_IQ2_XXS || t == DTYPE_IQ2_XS;
}

void quant_encode(const struct fit_kernels *f, enum dtype t, const float *x, const float *w,
                  void *blocks, uint64_t n)
{
    must(quant_can_encode(t) && n % dtype_block(t) == 0);
    char *out = blocks;
    for (uint64_t at = 0, part; at < n; at += part) {
        part = n - at < ENCODE_PART ? n - at : ENCODE_PART;
        encoders[t](f, x + at, w ? w + at : NULL, out, (uint32_t)part);
        out += part / dtype_block(t) * dtype_bytes(t);
    }
}
