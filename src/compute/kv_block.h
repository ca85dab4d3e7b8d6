/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kv_block: keys and values of one head of 16 tokens, as the kernels read them.
 *
 * So that the scores of 16 keys are one vector and no vector is ever folded, 32 bits of a key (1
 * coordinate, 2 or 4) lie beside those of the other keys, and 32 bits of a coordinate of the values
 * (of 1, 2 or 4 tokens) beside those of the other coordinates:
 *
 *   type  keys                                values
 *   f32   [d][16]                             [16][d_v]
 *   f16   [d][16]                             [16][d_v]
 *   bf16  [d/2][16][2]                        [8][d_v][2]
 *   q8    int8 [d/4][16][4],                  int8 [4][d_v][4],
 *         BF16 scales [d/32][16]              BF16 scales [16]
 *
 * (d/2, d/4, d/32 rounded up; what is not of the key is 0). q8: x = int8 * scale; keys have a scale
 * for 32 coordinates, since rotated ones differ much in size, values have one for all. A scale is
 * the least BF16 number that leaves 127 steps for the largest, so no step is lost to its rounding.
 * Numbers that are not finite count as the largest that is, and 0: a block holds no such scale.
 * The same bits with every instruction set. */
#ifndef MOAT_COMPUTE_KV_BLOCK_H
#define MOAT_COMPUTE_KV_BLOCK_H

#include "compute/kernel.h"
#include "compute/kv_type.h"

#define KV_SCALED 32u /* coordinates of a key that have one scale */

const char *kv_type_name(enum kv_type t); /* "f16" */

uint64_t kv_key_bytes(enum kv_type t, uint32_t d);
uint64_t kv_value_bytes(enum kv_type t, uint32_t d_v);

/* Puts a token's key [d], value [d_v] into its slot 0..15. half: room for d, d_v. */
void kv_put_key(const struct kernels *k, enum kv_type t, void *block, uint32_t slot,
                const float *key, uint32_t d, uint16_t *half);
void kv_put_value(const struct kernels *k, enum kv_type t, void *block, uint32_t slot,
                  const float *value, uint32_t d_v, uint16_t *half);

/* One number: for the reference kernels. */
float kv_key_at(enum kv_type t, const void *block, uint32_t d, uint32_t slot, uint32_t c);
float kv_value_at(enum kv_type t, const void *block, uint32_t d_v, uint32_t slot, uint32_t c);

#endif
