/* SPDX-License-Identifier: Apache-2.0 */
/* engine/sample: the sampler's life, its chain of stages, and its random numbers.
 *
 * Logit bias comes first, then the stages in the caller's order, then the draw. Temperature 0 is
 * the plain argmax after bias, penalties and DRY: truncation cannot change it, and chance (XTC)
 * does not enter. Mirostat replaces the truncating stages and draws itself.
 *
 * Random numbers: xoshiro256++ (Blackman and Vigna 2019), seeded through splitmix64. */
#include "engine/sample.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "engine/sample_private.h"

static uint64_t rotate(uint64_t x, unsigned k)
{
    return x << k | x >> (64 - k);
}

static void seed_random(uint64_t state[4], uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        state[i] = z ^ z >> 31;
    }
}

/* Uniform in [0, 1), 53 bits. */
static double uniform(uint64_t s[4])
{
    uint64_t out = rotate(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return (double)(out >> 11) * 0x1p-53;
}

static bool check_number(const char *name, float v, float min, float max, struct err *e)
{
    if (v >= min && v <= max)
        return true;
    return fail(e, ERR_USAGE, "%s %g is outside %g..%g", name, (double)v, (double)min, (double)max);
}

static bool check_order(const enum sample_stage *order, struct err *e)
{
    uint32_t seen = 0;
    for (int i = 0; i < SAMPLE_STAGE_COUNT; i++) {
        if (order[i] == SAMPLE_END)
            return true;
        if ((unsigned)order[i] >= SAMPLE_STAGE_COUNT || seen >> order[i] & 1)
            return fail(e, ERR_USAGE, "the order of samplers names a stage twice or not at all");
        seen |= 1u << order[i];
    }
    return fail(e, ERR_USAGE, "the order of samplers has no end");
}

static bool check_bias(const struct sample_params *p, uint32_t n_vocab, struct err *e)
{
    for (uint32_t i = 0; i < p->n_bias; i++) {
        if (p->bias[i].token >= n_vocab)
            return fail(e, ERR_USAGE, "logit_bias: token %u is not in the vocabulary (0..%u)",
                        p->bias[i].token, n_vocab - 1);
        if (!isfinite(p->bias[i].bias) && p->bias[i].bias != -INFINITY)
            return fail(e, ERR_USAGE, "logit_bias: the bias of token %u is not a number",
                        p->bias[i].token);
    }
    return true;
}

static bool check_params(const struct sample_params *p, uint32_t n_vocab, struct err *e)
{
    const float max = 1e30f;
    if (n_vocab == 0 || n_vocab > LIMIT_VOCAB)
        return fail(e, ERR_LIMIT, "a vocabulary of %u tokens cannot be sampled from (1..%u)",
                    n_vocab, LIMIT_VOCAB);
    if (p->mirostat != 0 && p->mirostat != 2)
        return fail(e, ERR_USAGE, "mirostat %u is not known; 0 is off, 2 is on", p->mirostat);
    return check_number("temperature", p->temperature, 0, max, e) &&
           check_number("top_p", p->top_p, 0, 1, e) && check_number("min_p", p->min_p, 0, 1, e) &&
           check_number("typical_p", p->typical_p, 0, 1, e) &&
           check_number("xtc_probability", p->xtc_probability, 0, 1, e) &&
           check_number("xtc_threshold", p->xtc_threshold, 0, 1, e) &&
           check_number("repeat_penalty", p->repeat_penalty, 1e-6f, max, e) &&
           check_number("presence_penalty", p->presence_penalty, -max, max, e) &&
           check_number("frequency_penalty", p->frequency_penalty, -max, max, e) &&
           check_number("dry_multiplier", p->dry_multiplier, 0, max, e) &&
           check_number("dry_base", p->dry_base, 0, max, e) &&
           check_number("mirostat_tau", p->mirostat_tau, 0, max, e) &&
           check_number("mirostat_eta", p->mirostat_eta, 0, max, e) && check_order(p->order, e) &&
           check_bias(p, n_vocab, e);
}

static bool make_room(struct sampler *s, uint32_t n_ctx, struct err *e)
{
    size_t n = s->n_vocab;
    struct sample_bias *bias = mem_new(s->p.n_bias, sizeof *bias, e);
    if (bias && s->p.n_bias)
        memcpy(bias, s->p.bias, s->p.n_bias * sizeof *bias);
    s->p.bias = bias;
    s->work = mem_new_aligned(n, sizeof *s->work, e);
    s->near = s->p.typical_p < 1 ? mem_new_aligned(n, sizeof *s->near, e) : NULL;
    s->list = mem_new(n, sizeof *s->list, e);
    s->tmp = mem_new(n, sizeof *s->tmp, e);
    s->block_sum = mem_new(n / SAMPLE_BLOCK + 1, sizeof *s->block_sum, e);
    return bias && s->work && (s->near || s->p.typical_p >= 1) && s->list && s->tmp &&
           s->block_sum && sample_history_new(s, n_ctx, e);
}

struct sampler *sample_new(const struct sample_params *p, uint32_t n_vocab, uint32_t n_ctx,
                           struct err *e)
{
    if (!check_params(p, n_vocab, e))
        return NULL;
    struct sampler *s = mem_new(1, sizeof *s, e);
    if (!s)
        return NULL;
    s->p = *p;
    s->n_vocab = n_vocab;
    if (!make_room(s, n_ctx, e)) {
        sample_free(s);
        return NULL;
    }
    s->p.dry_breakers = NULL;
    sample_reset(s);
    return s;
}

void sample_free(struct sampler *s)
{
    if (!s)
        return;
    sample_history_free(s);
    mem_free((void *)(uintptr_t)s->p.bias);
    mem_free(s->work);
    mem_free(s->near);
    mem_free(s->list);
    mem_free(s->tmp);
    mem_free(s->block_sum);
    mem_free(s);
}

void sample_reset(struct sampler *s)
{
    s->n_history = 0;
    if (s->count)
        memset(s->count, 0, s->n_vocab * sizeof *s->count);
    s->mu = 2 * (double)s->p.mirostat_tau;
    seed_random(s->random, s->p.seed);
}

static void add_bias(struct sampler *s)
{
    for (uint32_t i = 0; i < s->p.n_bias; i++) {
        float *logit = &s->work[s->p.bias[i].token], bias = s->p.bias[i].bias;
        if (isinf(bias))
            *logit = -INFINITY;
        else if (!isinf(*logit))
            *logit = sample_settle((double)*logit + (double)bias);
    }
}

static void run_stage(struct sampler *s, enum sample_stage stage)
{
    bool draws = s->p.temperature > 0, truncates = draws && s->p.mirostat == 0;
    if (stage == SAMPLE_PENALTIES && s->repeat_n)
        sample_penalties(s);
    if (stage == SAMPLE_DRY && s->dry_n)
        sample_dry(s);
    if (stage == SAMPLE_TEMPERATURE && draws)
        sample_temperature(s);
    if (stage == SAMPLE_TOP_K && truncates)
        sample_top_k(s);
    if (stage == SAMPLE_TYPICAL && truncates)
        sample_typical(s);
    if (stage == SAMPLE_TOP_P && truncates)
        sample_top_p(s);
    if (stage == SAMPLE_MIN_P && truncates)
        sample_min_p(s);
    if (stage == SAMPLE_XTC && truncates && s->p.xtc_probability > 0)
        sample_xtc(s, uniform(s->random));
}

uint32_t sample(struct sampler *s, const float *logits, const uint32_t *mask)
{
    bool edits = s->p.n_bias || s->repeat_n || s->dry_n;
    if (s->p.temperature == 0 && !edits)
        return sample_best(logits, mask, s->n_vocab);
    sample_load(s, logits, mask);
    add_bias(s);
    if (isinf(sample_top(s)))
        return UINT32_MAX;
    for (int i = 0; s->p.order[i] != SAMPLE_END; i++)
        run_stage(s, s->p.order[i]);
    if (s->p.temperature == 0)
        return sample_best(s->work, NULL, s->n_vocab);
    if (s->p.mirostat == 2)
        return sample_mirostat(s, uniform(s->random));
    return sample_draw(s, uniform(s->random));
}
