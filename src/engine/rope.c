/* SPDX-License-Identifier: Apache-2.0 */
/* engine/rope: see rope.h. */
#include "engine/rope.h"

#include <math.h>

#include "engine/arch.h"

/* The pair of coordinates that turns `turns` times over the original context. */
static double yarn_pair(const struct hparams *h, double base, double turns)
{
    return h->n_rot * log(h->rope_n_ctx / (turns * 2 * M_PI)) / (2 * log(base));
}

/* Share of the original frequency kept for pair i; the rest is interpolated. */
static double yarn_keep(const struct hparams *h, double base, uint32_t i)
{
    double low = fmax(0, floor(yarn_pair(h, base, (double)h->yarn_beta_fast)));
    double high = fmin(h->n_rot - 1, ceil(yarn_pair(h, base, (double)h->yarn_beta_slow)));
    double at = (i - low) / fmax(0.001, high - low);
    return 1 - fmin(1, fmax(0, at));
}

/* What YaRN multiplies cos and sin by: for each doubling and more of the context, sharper scores.
 */
static double yarn_mscale(const struct hparams *h)
{
    double log_factor = h->rope_factor > 1 ? log((double)h->rope_factor) : 0;
    double all = h->yarn_log_mul != 0 ? 1 + 0.1 * (double)h->yarn_log_mul * log_factor : 1;
    return (1 + 0.1 * log_factor) / all;
}

/* Text has one position where images have three; the fourth axis stays at 0 (Wang et al. 2024). */
static bool pair_turns(const struct hparams *h, uint32_t i)
{
    const uint32_t *s = h->rope_sections;
    uint64_t turning = (uint64_t)s[0] + s[1] + s[2], all = turning + s[3];
    if (all && h->rope_interleaved)
        return i % all < 3 * (uint64_t)s[i % all % 3];
    return all == 0 || i % all < turning;
}

bool rope_init(struct rope *r, const struct hparams *h, float base, bool scaled,
               const float *factors, struct arena *arena, struct err *e)
{
    *r = (struct rope){.neox = h->rope_neox, .n_rot = h->n_rot, .mscale = 1};
    r->inv_freq = arena_new(arena, h->n_rot / 2, sizeof *r->inv_freq, e);
    if (!r->inv_freq)
        return false;
    double scale = 1 / (double)h->rope_factor;
    for (uint32_t i = 0; i < h->n_rot / 2; i++) {
        double f = pow((double)base, -2.0 * i / h->n_rot) / (factors ? (double)factors[i] : 1);
        if (scaled && h->rope_scaling == ROPE_SCALING_LINEAR)
            f *= scale;
        if (scaled && h->rope_scaling == ROPE_SCALING_YARN) {
            double keep = yarn_keep(h, (double)base, i);
            f = f * scale * (1 - keep) + f * keep;
        }
        r->inv_freq[i] = pair_turns(h, i) ? (float)f : 0;
    }
    if (scaled && h->rope_scaling == ROPE_SCALING_YARN)
        r->mscale = (float)yarn_mscale(h);
    if (scaled)
        r->mscale *= h->rope_attn_factor;
    return true;
}

void rope_angles(const struct rope *r, uint32_t pos, float *cs)
{
    for (uint32_t i = 0; i < r->n_rot / 2; i++) {
        double angle = (double)pos * (double)r->inv_freq[i];
        cs[2 * i] = (float)cos(angle) * r->mscale;
        cs[2 * i + 1] = (float)sin(angle) * r->mscale;
    }
}
