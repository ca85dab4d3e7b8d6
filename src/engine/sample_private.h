/* SPDX-License-Identifier: Apache-2.0 */
/* engine/sample_private: what the files of the sampler share.
 *
 * The candidates of one call are held in one of two forms:
 *   dense  every token: work[id] is its logit, -INFINITY when it is out. No order, list unused.
 *   list   the survivors of a truncating stage: list[0..n) sorted best first.
 * (S1) In both forms work[id] is the current logit of every token still in.
 * (S2) Between stages at least one token is in, and every logit that is in is finite.
 * A vocabulary is sorted only as far as a stage looks: dense candidates are never sorted whole
 * unless a stage really needs them all, and then by radix, in linear time.
 *
 * A list entry is one integer, `rank`: its order is "higher logit first, then lower id". All
 * arithmetic is plain IEEE in a fixed order with an exponential of our own, so that the same seed
 * gives the same tokens whatever the machine's libm does. */
#ifndef MOAT_ENGINE_SAMPLE_PRIVATE_H
#define MOAT_ENGINE_SAMPLE_PRIVATE_H

#include "engine/sample.h"
#include "engine/sample_lanes.h" /* and its pragma: no fused arithmetic anywhere here */

struct sampler {
    struct sample_params p; /* bias is an owned copy, dry_breakers is not kept */
    uint32_t n_vocab;

    float *work;          /* [n_vocab] */
    float *near;          /* [n_vocab], typical sampling only: closeness to the mean surprise */
    uint64_t *list, *tmp; /* [n_vocab] ranks */
    double *block_sum;    /* [n_vocab / SAMPLE_BLOCK + 1] weights of dense candidates */
    uint32_t n;           /* of list */
    bool dense;

    uint32_t *history;  /* the newest tokens, oldest first, at the end of [2 * window] */
    uint32_t n_history; /* used of it */
    uint32_t window;    /* tokens that must stay known, 0: none */
    uint32_t repeat_n;  /* window of the penalties, 0: off */
    uint32_t dry_n;     /* window of DRY, 0: off */
    uint32_t *count;    /* [n_vocab] occurrences in the last repeat_n tokens */
    uint32_t *mark;     /* [n_vocab] zero between calls */
    uint32_t *match;    /* [dry_n] the Z array */
    uint32_t *breaker;  /* bit set over the vocabulary */

    uint64_t random[4];
    double mu; /* of mirostat */
};

#define SAMPLE_BLOCK 2048u

/* sample_rank.c */
void sample_load(struct sampler *s, const float *logits, const uint32_t *mask);
float sample_top(const struct sampler *s); /* the highest logit, -INFINITY when none is in */
void sample_take_top(struct sampler *s, const float *value, uint32_t m); /* dense -> list */
bool sample_take_more(struct sampler *s, const float *value); /* while dense: a longer list */
void sample_take_above(struct sampler *s, float floor);       /* either form -> list */
void sample_rerank(struct sampler *s, const float *value);    /* the list, by value[id] */
uint32_t sample_best(const float *logits, const uint32_t *mask, uint32_t n);

/* sample_weight.c; weights are exp(logit - top) */
struct sample_sums {
    double weight, moment; /* sums of w and of w * (logit - top) */
};
float sample_exp(float x); /* x <= 0 */
double sample_ln(double x);
double sample_power(double base, uint32_t n);
struct sample_sums sample_sum(struct sampler *s, float top);
uint32_t sample_draw(struct sampler *s, double uniform);

/* sample_history.c */
bool sample_history_new(struct sampler *s, uint32_t n_ctx, struct err *e) MUST_USE;
void sample_history_free(struct sampler *s);
void sample_penalties(struct sampler *s);
void sample_dry(struct sampler *s);

/* sample_cut.c */
void sample_top_k(struct sampler *s);
void sample_typical(struct sampler *s);
void sample_top_p(struct sampler *s);
void sample_min_p(struct sampler *s);
void sample_xtc(struct sampler *s, double uniform);
void sample_temperature(struct sampler *s);
uint32_t sample_mirostat(struct sampler *s, double uniform);

static inline float sample_settle(double x) /* back into the finite floats */
{
    const double max = 3.4028234663852886e38;
    return (float)(x > max ? max : x < -max ? -max : x);
}

static inline uint64_t sample_rank(float logit, uint32_t id)
{
    union {
        float f;
        uint32_t u;
    } v = {.f = logit + 0.0f}; /* one zero */
    uint32_t ascending = v.u & 0x80000000u ? ~v.u : v.u | 0x80000000u;
    return (uint64_t)~ascending << 32 | id;
}

static inline uint32_t sample_rank_id(uint64_t rank)
{
    return (uint32_t)rank;
}

static inline float sample_rank_logit(uint64_t rank)
{
    uint32_t ascending = ~(uint32_t)(rank >> 32);
    union {
        uint32_t u;
        float f;
    } v = {.u = ascending & 0x80000000u ? ascending & 0x7fffffffu : ~ascending};
    return v.f;
}

#endif
