/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant: the reference meaning of every weight format.
 *
 * `quant_decode` turns a row of stored blocks into F32, bit for bit what the `gguf` Python
 * package's dequantisation gives. Plain C, one file per format under quant/, no intrinsics: this is
 * what every fast kernel is tested against. Cannot fail: the caller has checked the format
 * (quant_can_decode) and that n is whole blocks. */
#ifndef MOAT_COMPUTE_QUANT_H
#define MOAT_COMPUTE_QUANT_H

#include "gguf/dtype.h"

typedef void quant_decode_fn(const void *blocks, float *out /* [n] */, uint64_t n);

bool quant_can_decode(enum dtype t);
quant_decode_fn *quant_decoder(enum dtype t); /* NULL where quant_can_decode is false */
void quant_decode(enum dtype t, const void *blocks, float *out, uint64_t n);

float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f); /* round to nearest even; overflow to infinity */
float bf16_to_f32(uint16_t h);
uint16_t f32_to_bf16(float f); /* round to nearest even; NaN stays NaN */

/* One per format, in quant/<name>.c. */
quant_decode_fn f32_decode, f16_decode, bf16_decode, q4_0_decode, q4_1_decode, q5_0_decode,
    q5_1_decode, q8_0_decode, q2_k_decode, q3_k_decode, q4_k_decode, q5_k_decode, q6_k_decode,
    iq1_s_decode, iq1_m_decode, iq2_xxs_decode, iq2_xs_decode, iq2_s_decode, iq3_xxs_decode,
    iq3_s_decode, iq4_nl_decode, iq4_xs_decode, tq1_0_decode, tq2_0_decode, mxfp4_decode;

#endif
