/* SPDX-License-Identifier: Apache-2.0 */
/* engine/sample_cut: the stages that leave candidates out, and temperature.
 *
 * top-k   the k best
 * typical the tokens whose surprise is nearest to the mean surprise (the entropy), up to a sum of
 *         probability just above typical_p (Meister et al. 2022)
 * top-p   the best, up to a sum of probability of at least top_p (Holtzman et al. 2019)
 * min-p   those with at least min_p times the probability of the best (Nguyen et al. 2024)
 * XTC     with a chance of xtc_probability, all of at least xtc_threshold but the least of them
 *         are left out ("exclude top choices")
 * mirostat 2  those of at most mu bits of surprise; mu follows the error against tau bits
 *         (Basu et al. 2020, algorithm 2)
 * Each keeps at least one token; probabilities are those of the candidates still in. */
#include <math.h>

#include "engine/sample_private.h"

static double weight_of(const struct sampler *s, uint32_t i, float top)
{
    return (double)sample_exp(s->work[sample_rank_id(s->list[i])] - top);
}

void sample_top_k(struct sampler *s)
{
    uint32_t k = s->p.top_k;
    if (k == 0)
        return;
    if (!s->dense) {
        s->n = s->n < k ? s->n : k;
        return;
    }
    if (k >= s->n_vocab)
        return;
    sample_take_top(s, s->work, k);
    s->dense = false;
}

void sample_top_p(struct sampler *s)
{
    if (s->p.top_p >= 1)
        return;
    float top = sample_top(s);
    double need = (double)s->p.top_p * sample_sum(s, top).weight, sum = 0;
    uint32_t i = 0;
    bool enough = false;
    while (!enough && (i < s->n || sample_take_more(s, s->work))) {
        sum += weight_of(s, i++, top);
        enough = sum >= need;
    }
    s->n = i;
    s->dense = false;
}

void sample_min_p(struct sampler *s)
{
    if (s->p.min_p <= 0)
        return;
    float top = sample_top(s);
    float floor = sample_settle((double)top + sample_ln((double)s->p.min_p));
    sample_take_above(s, floor < top ? floor : top);
}

/* Values by which the nearest to `centre` comes first: into near[] (dense) or the list. */
static void rank_by_nearness(struct sampler *s, double centre)
{
    for (uint32_t i = 0; s->dense && i < s->n_vocab; i++)
        s->near[i] =
            isinf(s->work[i]) ? -INFINITY : sample_settle(-fabs(centre - (double)s->work[i]));
    for (uint32_t i = 0; !s->dense && i < s->n; i++) {
        uint32_t id = sample_rank_id(s->list[i]);
        s->near[id] = sample_settle(-fabs(centre - (double)s->work[id]));
    }
    if (!s->dense)
        sample_rerank(s, s->near);
}

void sample_typical(struct sampler *s)
{
    if (s->p.typical_p >= 1)
        return;
    float top = sample_top(s);
    struct sample_sums all = sample_sum(s, top);
    /* surprise - entropy = (ln Z - x) - (ln Z - mean x) with x = logit - top: ln Z cancels */
    rank_by_nearness(s, (double)top + all.moment / all.weight);
    double limit = (double)s->p.typical_p * all.weight, sum = 0;
    uint32_t i = 0;
    bool enough = false;
    while (!enough && (i < s->n || sample_take_more(s, s->near))) {
        sum += weight_of(s, i++, top);
        enough = sum > limit;
    }
    s->n = i;
    s->dense = false;
    sample_rerank(s, s->work);
}

void sample_xtc(struct sampler *s, double uniform)
{
    if (uniform >= (double)s->p.xtc_probability || s->p.xtc_threshold > 0.5f)
        return;
    float top = sample_top(s);
    double floor = (double)s->p.xtc_threshold * sample_sum(s, top).weight;
    uint32_t above = 0;
    while ((above < s->n || sample_take_more(s, s->work)) && weight_of(s, above, top) >= floor)
        above++;
    uint32_t out = above ? above - 1 : 0;
    for (uint32_t i = 0; s->dense && i < out; i++)
        s->work[sample_rank_id(s->list[i])] = -INFINITY;
    for (uint32_t i = out; !s->dense && i < s->n; i++)
        s->list[i - out] = s->list[i];
    s->n = s->dense ? 0 : s->n - out;
}

void sample_temperature(struct sampler *s)
{
    double t = (double)s->p.temperature;
    if (s->p.temperature == 1)
        return;
    for (uint32_t i = 0; s->dense && i < s->n_vocab; i++)
        if (!isinf(s->work[i]))
            s->work[i] = sample_settle((double)s->work[i] / t);
    for (uint32_t i = 0; !s->dense && i < s->n; i++) {
        uint32_t id = sample_rank_id(s->list[i]);
        s->work[id] = sample_settle((double)s->work[id] / t);
    }
    if (!s->dense)
        sample_rerank(s, s->work);
}

uint32_t sample_mirostat(struct sampler *s, double uniform)
{
    const double ln2 = 0.69314718055994531;
    float top = sample_top(s);
    double floor = (double)top + sample_ln(sample_sum(s, top).weight) - s->mu * ln2;
    sample_take_above(s, floor < (double)top ? sample_settle(floor) : top);
    uint32_t id = sample_draw(s, uniform);
    double x = (double)(s->work[id] - top);
    double surprise = (sample_ln(sample_sum(s, top).weight) - x) / ln2;
    s->mu -= (double)s->p.mirostat_eta * (surprise - (double)s->p.mirostat_tau);
    return id;
}
