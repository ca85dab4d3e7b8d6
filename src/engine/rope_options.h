/* SPDX-License-Identifier: Apache-2.0 */
/* engine/rope_options: what a user may state about positions in place of the file. Zeros, and a
 * negative ext_factor, leave what the file says. Each stands for one metadata key and is used
 * exactly as the key is. */
#ifndef MOAT_ENGINE_ROPE_OPTIONS_H
#define MOAT_ENGINE_ROPE_OPTIONS_H

#include <stdint.h>

enum rope_scaling {
    ROPE_SCALING_UNSET,
    ROPE_SCALING_NONE,
    ROPE_SCALING_LINEAR,
    ROPE_SCALING_YARN,
};

struct rope_options {
    uint32_t scaling; /* enum rope_scaling: rope.scaling.type */
    float scale;      /* rope.scaling.factor; without a type it is linear */
    float freq_base;  /* rope.freq_base */
    uint32_t yarn_orig_ctx;
    float yarn_ext_factor, yarn_attn_factor, yarn_beta_fast, yarn_beta_slow;
};

#endif
