/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/dtype: the weight formats a GGUF file may hold, and their sizes.
 *
 * The numbers are those of the file format (ggml type ids). A format is a row of blocks: `block`
 * weights are stored in `bytes` bytes; a row of n weights needs n to be a multiple of `block`.
 * Source: GGUF specification; sizes also in the `gguf` Python package's GGML_QUANT_SIZES. */
#ifndef MOAT_GGUF_DTYPE_H
#define MOAT_GGUF_DTYPE_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* enum name, file id, printed name, weights per block, bytes per block */
#define DTYPE_TABLE(X)                                                                             \
    X(DTYPE_F32, 0, "F32", 1, 4)                                                                   \
    X(DTYPE_F16, 1, "F16", 1, 2)                                                                   \
    X(DTYPE_Q4_0, 2, "Q4_0", 32, 18)                                                               \
    X(DTYPE_Q4_1, 3, "Q4_1", 32, 20)                                                               \
    X(DTYPE_Q5_0, 6, "Q5_0", 32, 22)                                                               \
    X(DTYPE_Q5_1, 7, "Q5_1", 32, 24)                                                               \
    X(DTYPE_Q8_0, 8, "Q8_0", 32, 34)                                                               \
    X(DTYPE_Q2_K, 10, "Q2_K", 256, 84)                                                             \
    X(DTYPE_Q3_K, 11, "Q3_K", 256, 110)                                                            \
    X(DTYPE_Q4_K, 12, "Q4_K", 256, 144)                                                            \
    X(DTYPE_Q5_K, 13, "Q5_K", 256, 176)                                                            \
    X(DTYPE_Q6_K, 14, "Q6_K", 256, 210)                                                            \
    X(DTYPE_IQ2_XXS, 16, "IQ2_XXS", 256, 66)                                                       \
    X(DTYPE_IQ2_XS, 17, "IQ2_XS", 256, 74)                                                         \
    X(DTYPE_IQ3_XXS, 18, "IQ3_XXS", 256, 98)                                                       \
    X(DTYPE_IQ1_S, 19, "IQ1_S", 256, 50)                                                           \
    X(DTYPE_IQ4_NL, 20, "IQ4_NL", 32, 18)                                                          \
    X(DTYPE_IQ3_S, 21, "IQ3_S", 256, 110)                                                          \
    X(DTYPE_IQ2_S, 22, "IQ2_S", 256, 82)                                                           \
    X(DTYPE_IQ4_XS, 23, "IQ4_XS", 256, 136)                                                        \
    X(DTYPE_I8, 24, "I8", 1, 1)                                                                    \
    X(DTYPE_I16, 25, "I16", 1, 2)                                                                  \
    X(DTYPE_I32, 26, "I32", 1, 4)                                                                  \
    X(DTYPE_I64, 27, "I64", 1, 8)                                                                  \
    X(DTYPE_F64, 28, "F64", 1, 8)                                                                  \
    X(DTYPE_IQ1_M, 29, "IQ1_M", 256, 56)                                                           \
    X(DTYPE_BF16, 30, "BF16", 1, 2)                                                                \
    X(DTYPE_TQ1_0, 34, "TQ1_0", 256, 54)                                                           \
    X(DTYPE_TQ2_0, 35, "TQ2_0", 256, 66)                                                           \
    X(DTYPE_MXFP4, 39, "MXFP4", 32, 17)

enum dtype {
#define X(name, id, text, block, bytes) name = (id),
    DTYPE_TABLE(X)
#undef X
        DTYPE_COUNT = 40 /* one past the largest id */
};

bool dtype_known(uint32_t id);
const char *dtype_name(enum dtype t);
uint32_t dtype_block(enum dtype t);
uint32_t dtype_bytes(enum dtype t);
bool dtype_from_name(struct str name, enum dtype *out);

/* Bytes of a row of n weights; false when n is not whole blocks or the size wraps. */
bool dtype_row_bytes(enum dtype t, uint64_t n, uint64_t *bytes);

#endif
