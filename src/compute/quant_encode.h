/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant_encode: F32 weights -> the blocks that compute/quant decodes.
 *
 * Every format has an encoder that looks for the least sum w (x - x')^2 over a block, w being what
 * the caller says each weight matters, or 1. The bits do not depend on the machine or on how a row
 * is cut into calls. Weights must be finite. Cannot fail: the caller has checked the format and
 * that n is whole blocks. */
#ifndef MOAT_COMPUTE_QUANT_ENCODE_H
#define MOAT_COMPUTE_QUANT_ENCODE_H

#include "compute/fit.h"
#include "gguf/dtype.h"

/* Whole blocks, ENCODE_PART weights at most. */
enum { ENCODE_PART = 4096 };
typedef void quant_encode_fn(const struct fit_kernels *f, const float *x, const float *w,
                             void *blocks, uint32_t n);

bool quant_can_encode(enum dtype t);
/* Without importance the format loses too much to be of use (below 2.4 bits a weight). */
bool quant_wants_importance(enum dtype t);
/* x [n]; w [n] importance of each, not negative, or NULL; blocks: dtype_row_bytes(t, n). */
void quant_encode(const struct fit_kernels *f, enum dtype t, const float *x, const float *w,
                  void *blocks, uint64_t n);

/* One per format, in quant/<name>.c. */
quant_encode_fn f32_encode, f16_encode, bf16_encode, q4_0_encode, q4_1_encode, q5_0_encode,
    q5_1_encode, q8_0_encode, q2_k_encode, q3_k_encode, q4_k_encode, q5_k_encode, q6_k_encode,
    iq4_nl_encode, iq4_xs_encode, tq1_0_encode, tq2_0_encode, mxfp4_encode, iq1_s_encode,
    iq1_m_encode, iq2_xxs_encode, iq2_xs_encode, iq2_s_encode, iq3_xxs_encode, iq3_s_encode;

#endif
