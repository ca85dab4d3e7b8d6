/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant: the table of decoders and the 16-bit float conversions. See quant.h. */
#include "compute/quant.h"

#include "compute/quant/bits.h"
#include "compute/quant/blocks.h"

/* enum dtype and struct or function name, in lower case */
#define BLOCK_TABLE(X)                                                                             \
    X(Q4_0, q4_0)                                                                                  \
    X(Q4_1, q4_1)                                                                                  \
    X(Q5_0, q5_0)                                                                                  \
    X(Q5_1, q5_1)                                                                                  \
    X(Q8_0, q8_0)                                                                                  \
    X(Q2_K, q2_k)                                                                                  \
    X(Q3_K, q3_k)                                                                                  \
    X(Q4_K, q4_k)                                                                                  \
    X(Q5_K, q5_k)                                                                                  \
    X(Q6_K, q6_k)                                                                                  \
    X(IQ1_S, iq1_s)                                                                                \
    X(IQ1_M, iq1_m)                                                                                \
    X(IQ2_XXS, iq2_xxs)                                                                            \
    X(IQ2_XS, iq2_xs)                                                                              \
    X(IQ2_S, iq2_s)                                                                                \
    X(IQ3_XXS, iq3_xxs)                                                                            \
    X(IQ3_S, iq3_s)                                                                                \
    X(IQ4_NL, iq4_nl)                                                                              \
    X(IQ4_XS, iq4_xs)                                                                              \
    X(TQ1_0, tq1_0)                                                                                \
    X(TQ2_0, tq2_0)                                                                                \
    X(MXFP4, mxfp4)

/* Every struct of blocks.h has the size the file format says. */
enum {
#define X(name, id, text, block, bytes) name##_BYTES = (bytes),
    DTYPE_TABLE(X)
#undef X
};
#define X(name, lower)                                                                             \
    _Static_assert(sizeof(struct lower) == DTYPE_##name##_BYTES, #name " is not as stored");
BLOCK_TABLE(X)
#undef X

static quant_decode_fn *const decoders[DTYPE_COUNT] = {[DTYPE_F32] = f32_decode,
                                                       [DTYPE_F16] = f16_decode,
                                                       [DTYPE_BF16] = bf16_decode,
#define X(name, lower) [DTYPE_##name] = lower##_decode,
                                                       BLOCK_TABLE(X)
#undef X
};

quant_decode_fn *quant_decoder(enum dtype t)
{
    return (unsigned)t < DTYPE_COUNT ? decoders[t] : NULL;
}

bool quant_can_decode(enum dtype t)
{
    return quant_decoder(t) != NULL;
}

void quant_decode(enum dtype t, const void *blocks, float *out, uint64_t n)
{
    quant_decode_fn *decode = quant_decoder(t);
    must(decode && n % dtype_block(t) == 0);
    decode(blocks, out, n);
}

float f16_to_f32(uint16_t h)
{
    return half(h);
}

float bf16_to_f32(uint16_t h)
{
    return float_of_bits((uint32_t)h << 16);
}

/* Below the smallest normal F16 the addition of 1/2, whose last place is that of F16 subnormals,
 * rounds for us; above, half of the last place is added, a little less where the last place is
 * even. Either way a carry into the exponent is what it should be. */
uint16_t f32_to_f16(float f)
{
    uint32_t u = bits_of_float(f), sign = u >> 16 & 0x8000, h;
    u &= 0x7fffffff;
    if (u > 0x7f800000)
        h = 0x7e00 | (u >> 13 & 0x3ff); /* quiet NaN, as much of its payload as fits */
    else if (u >= 0x477ff000)           /* 65520, halfway between 65504 and the next */
        h = 0x7c00;
    else if (u < 0x38800000) /* 2^-14 */
        h = bits_of_float(float_of_bits(u) + 0.5f) - bits_of_float(0.5f);
    else
        h = (u + 0xfff + (u >> 13 & 1) - (112u << 23)) >> 13;
    return (uint16_t)(h | sign);
}

uint16_t f32_to_bf16(float f)
{
    uint32_t u = bits_of_float(f);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 64); /* quiet, so that no payload is cut to infinity */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
