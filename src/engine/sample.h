/* SPDX-License-Identifier: Apache-2.0 */
/* engine/sample: logits -> the next token id.
 *
 * A sampler is a chain of stages in the order the caller sets, over the candidate list; penalties
 * look at the tokens given to sample_accept. Logit bias comes before the stages. The random
 * generator is seeded: same seed, same parameters, same logits give the same tokens on every
 * machine. No allocation after sample_new.
 *
 * Temperature 0 is the argmax after bias, penalties and DRY, ties to the lowest id, whatever the
 * order holds. NaN logits are never candidates, +infinity is the largest float. The formulas are
 * in sample_cut.c and sample_history.c. */
#ifndef MOAT_ENGINE_SAMPLE_H
#define MOAT_ENGINE_SAMPLE_H

#include <stdint.h>

#include "base/err.h"

enum sample_stage {
    SAMPLE_END,
    SAMPLE_PENALTIES,
    SAMPLE_DRY,
    SAMPLE_TOP_K,
    SAMPLE_TYPICAL,
    SAMPLE_TOP_P,
    SAMPLE_MIN_P,
    SAMPLE_XTC,
    SAMPLE_TEMPERATURE,
    SAMPLE_STAGE_COUNT
};

struct sample_bias {
    uint32_t token;
    float bias; /* -INFINITY bans the token */
};

struct sample_params {
    float temperature;     /* 0: greedy */
    uint32_t top_k;        /* 0: off */
    float top_p;           /* 1: off */
    float min_p;           /* 0: off */
    float typical_p;       /* 1: off */
    float xtc_probability; /* 0: off */
    float xtc_threshold;
    float repeat_penalty;                      /* 1: off */
    float presence_penalty, frequency_penalty; /* 0: off */
    uint32_t repeat_last_n;                    /* window of the three penalties, 0: off */
    float dry_multiplier;                      /* 0: off */
    float dry_base;
    uint32_t dry_allowed_length;
    uint32_t dry_last_n;          /* window, UINT32_MAX: the whole context */
    const uint32_t *dry_breakers; /* [n_dry_breakers] token ids at which a repetition ends */
    uint32_t n_dry_breakers;
    uint32_t mirostat; /* 0 or 2; 2 replaces the truncating stages and draws after all others */
    float mirostat_tau, mirostat_eta;
    uint64_t seed;
    const struct sample_bias *bias; /* [n_bias] */
    uint32_t n_bias;
    enum sample_stage order[SAMPLE_STAGE_COUNT]; /* ends with SAMPLE_END */
};

struct sampler;

/* Keeps copies of what p points at. n_ctx bounds the windows that look back. */
struct sampler *sample_new(const struct sample_params *p, uint32_t n_vocab, uint32_t n_ctx,
                           struct err *e) MUST_USE;
void sample_free(struct sampler *s);

/* logits [n_vocab] are read only. mask: NULL, or a bit set of allowed tokens (bit i of mask[i/32]).
 * Returns the id; does not accept it. With no allowed token at all returns UINT32_MAX. */
uint32_t sample(struct sampler *s, const float *logits, const uint32_t *mask);
/* Prompt tokens too: penalties see them. An id outside the vocabulary is passed over. */
void sample_accept(struct sampler *s, uint32_t token);
void sample_reset(struct sampler *s); /* forgets history, reseeds */

#endif
