/* SPDX-License-Identifier: Apache-2.0 */
/* engine/sample_weight: exponentials, their sums in a fixed order, and the draw.
 *
 * A token's weight is exp(logit - top), so sums need no overflow check and a probability is a
 * weight over their sum. Dense sums run in lanes and blocks: the same order on every machine. */
#include <math.h>
#include <string.h>

#include "engine/sample_private.h"

float sample_exp(float x)
{
    return lanes_exp(lanes_all(x))[0];
}

/* ln(m 2^k) with m near 1, by the series of atanh((m - 1) / (m + 1)). */
double sample_ln(double x)
{
    int k;
    double m = frexp(x, &k);
    if (m < 0.70710678118654752) {
        m *= 2;
        k--;
    }
    double f = (m - 1) / (m + 1), f2 = f * f, sum = 0;
    for (int i = 23; i >= 1; i -= 2)
        sum = sum * f2 + 1.0 / i;
    return 2 * f * sum + k * 0.69314718055994531;
}

double sample_power(double base, uint32_t n)
{
    double y = 1;
    for (; n; n >>= 1, base *= base)
        if (n & 1)
            y *= base;
    return y;
}

static struct sample_sums sum_block(const float *logit, uint32_t n, float top)
{
    lanes_f weight = lanes_all(0), moment = lanes_all(0);
    for (uint32_t i = 0; i < n; i += LANES) {
        float last[LANES] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
        if (n - i < LANES)
            memcpy(last, logit + i, (n - i) * sizeof *last);
        lanes_f x = lanes_load(n - i < LANES ? last : logit + i) - top;
        lanes_f w = lanes_exp(x);
        weight += w;
        moment += w * lanes_max(x, lanes_all(-1000)); /* 0 * -INFINITY is no number */
    }
    struct sample_sums sums = {0, 0};
    for (uint32_t j = 0; j < LANES; j++) {
        sums.weight += (double)weight[j];
        sums.moment += (double)moment[j];
    }
    return sums;
}

struct sample_sums sample_sum(struct sampler *s, float top)
{
    struct sample_sums all = {0, 0};
    for (uint32_t i = 0; !s->dense && i < s->n; i++) {
        float x = sample_rank_logit(s->list[i]) - top;
        double w = (double)sample_exp(x);
        all.weight += w;
        all.moment += w > 0 ? w * (double)x : 0;
    }
    for (uint32_t i = 0; s->dense && i < s->n_vocab; i += SAMPLE_BLOCK) {
        uint32_t n = s->n_vocab - i < SAMPLE_BLOCK ? s->n_vocab - i : SAMPLE_BLOCK;
        struct sample_sums part = sum_block(s->work + i, n, top);
        s->block_sum[i / SAMPLE_BLOCK] = part.weight;
        all.weight += part.weight;
        all.moment += part.moment;
    }
    return all;
}

static uint32_t draw_from_list(const struct sampler *s, float top, double left)
{
    uint32_t i = 0;
    for (; i + 1 < s->n; i++) {
        left -= (double)sample_exp(sample_rank_logit(s->list[i]) - top);
        if (left < 0)
            break;
    }
    return sample_rank_id(s->list[i]);
}

static uint32_t draw_from_all(const struct sampler *s, float top, double left)
{
    uint32_t block = 0, last = (s->n_vocab - 1) / SAMPLE_BLOCK, found = UINT32_MAX;
    for (; block < last && left >= s->block_sum[block]; block++)
        left -= s->block_sum[block];
    /* Rounding may carry the draw past the end of its block: then on to the next weight. */
    for (uint32_t i = block * SAMPLE_BLOCK; i < s->n_vocab; i++) {
        double w = (double)sample_exp(s->work[i] - top);
        left -= w;
        if (w > 0)
            found = i;
        if (w > 0 && left < 0)
            return i;
    }
    return found != UINT32_MAX ? found : sample_best(s->work, NULL, s->n_vocab);
}

uint32_t sample_draw(struct sampler *s, double uniform)
{
    float top = sample_top(s);
    double left = uniform * sample_sum(s, top).weight;
    return s->dense ? draw_from_all(s, top, left) : draw_from_list(s, top, left);
}
