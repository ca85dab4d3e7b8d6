/* SPDX-License-Identifier: Apache-2.0 */
/* Samplers and logits for the tests of the sampler. */
#ifndef MOAT_TESTS_SAMPLE_INPUTS_H
#define MOAT_TESTS_SAMPLE_INPUTS_H

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine/sample_private.h"
#include "test.h"

#define MAX_VOCAB 6000u

static const struct sample_params defaults = {
    .temperature = 0.8f,
    .top_k = 40,
    .top_p = 0.95f,
    .min_p = 0.05f,
    .typical_p = 1,
    .xtc_threshold = 0.1f,
    .repeat_penalty = 1,
    .repeat_last_n = 64,
    .dry_base = 1.75f,
    .dry_allowed_length = 2,
    .dry_last_n = UINT32_MAX,
    .mirostat_tau = 5,
    .mirostat_eta = 0.1f,
    .seed = 1,
    .order = {SAMPLE_PENALTIES, SAMPLE_DRY, SAMPLE_TOP_K, SAMPLE_TYPICAL, SAMPLE_TOP_P,
              SAMPLE_MIN_P, SAMPLE_XTC, SAMPLE_TEMPERATURE, SAMPLE_END},
};

/* Only the given stages, in this order. */
static inline struct sample_params only(enum sample_stage a, enum sample_stage b,
                                        enum sample_stage c)
{
    struct sample_params p = defaults;
    p.order[0] = a;
    p.order[1] = b;
    p.order[2] = c;
    p.order[3] = SAMPLE_END;
    return p;
}

static inline struct sampler *make(const struct sample_params *p, uint32_t n_vocab)
{
    struct err e;
    struct sampler *s = sample_new(p, n_vocab, 4096, &e);
    if (!s)
        fail_msg("%s", e.msg);
    return s;
}

static uint32_t lcg_state = 12345;

static inline double next01(void)
{
    lcg_state = lcg_state * 1664525u + 1013904223u;
    return (lcg_state >> 8) / 16777216.0;
}

enum shape { PEAKED, WIDE, TIES, HOLES, FLAT, ASCENDING, SHAPE_COUNT };

static inline void fill(float *v, uint32_t n, enum shape shape)
{
    for (uint32_t i = 0; i < n; i++) {
        double g = sqrt(-2 * log(next01() + 1e-9)) * cos(6.283185307 * next01());
        switch (shape) {
        case PEAKED:
            v[i] = (float)(6 * g);
            break;
        case WIDE:
            v[i] = (float)(0.7 * g);
            break;
        case TIES:
            v[i] = (float)floor(g);
            break;
        case HOLES:
            v[i] = next01() < 0.3 ? -INFINITY : next01() < 0.1 ? NAN : (float)g;
            break;
        case FLAT:
            v[i] = 1.5f;
            break;
        default:
            v[i] = (float)i * 0.001f;
        }
    }
    v[n / 2] = shape == HOLES ? 2 : v[n / 2]; /* something is always in */
}

static float logits[MAX_VOCAB];

#endif
