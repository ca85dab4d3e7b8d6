/* SPDX-License-Identifier: Apache-2.0 */
/* engine/rope: see rope.h. */
#include "engine/rope.h"

#include <math.h>

#include "base/limits.h"
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
    return (1 - fmin(1, fmax(0, at))) * (double)h->yarn_ext_factor;
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

/* --- options ------------------------------------------------------------------------------------
 */

static bool any_yarn(const struct rope_options *o)
{
    return o->yarn_orig_ctx || o->yarn_ext_factor >= 0 || o->yarn_attn_factor > 0 ||
           o->yarn_beta_fast > 0 || o->yarn_beta_slow > 0;
}

static bool any(const struct rope_options *o)
{
    return o->scaling || o->scale > 0 || o->freq_base > 0 || any_yarn(o);
}

static bool check_options(const struct hparams *h, const struct rope_options *o, struct err *e)
{
    if (o->freq_base > 0 && o->freq_base <= 1)
        return fail(e, ERR_USAGE, "--rope-freq-base %g is not above 1", (double)o->freq_base);
    if (o->scaling == ROPE_SCALING_NONE && o->scale > 0)
        return fail(e, ERR_USAGE, "--rope-scaling none leaves nothing for --rope-scale to do");
    if (h->rope_scaling > ROPE_SCALING_NONE && h->rope_factor == 1 && o->scaling)
        return fail(e, ERR_USAGE,
                    "--rope-scaling needs the factor too: --rope-scale 4 is for four times the "
                    "context");
    if (any_yarn(o) && h->rope_scaling != ROPE_SCALING_YARN)
        return fail(e, ERR_USAGE, "the --yarn options need --rope-scaling yarn");
    return true;
}

/* The context that the options extend the trained one to. A larger base slows the slowest pair by
 * (new / old)^((n_rot - 2) / n_rot): that much more fits into its turn. */
static uint32_t reach(const struct hparams *h, double orig, double old_base)
{
    double factor = h->rope_scaling > ROPE_SCALING_NONE ? (double)h->rope_factor : 1;
    double slower = h->n_rot > 2 ? (h->n_rot - 2.0) / h->n_rot : 0;
    double n = orig * factor * fmax(1, pow((double)h->rope_base / old_base, slower));
    return (uint32_t)fmin(LIMIT_CONTEXT, fmax(h->n_ctx_train, n));
}

static void set(float *value, float option)
{
    if (option > 0)
        *value = option;
}

bool rope_apply(struct hparams *h, const struct rope_options *o, struct err *e)
{
    double old_base = (double)h->rope_base, orig = h->rope_n_ctx;
    h->n_ctx_reach = h->n_ctx_train;
    if (o && any(o)) {
        if (h->rope_n_ctx == h->n_ctx_train && h->rope_scaling > ROPE_SCALING_NONE)
            orig /= (double)h->rope_factor; /* the file does not say, but its factor does */
        if (o->scaling)
            h->rope_scaling = (enum rope_scaling)o->scaling;
        else if (o->scale > 0 && h->rope_scaling == ROPE_SCALING_NONE)
            h->rope_scaling = ROPE_SCALING_LINEAR;
        set(&h->rope_factor, o->scale);
        set(&h->rope_base, o->freq_base);
        set(&h->rope_attn_factor, o->yarn_attn_factor);
        set(&h->yarn_beta_fast, o->yarn_beta_fast);
        set(&h->yarn_beta_slow, o->yarn_beta_slow);
        if (o->yarn_ext_factor >= 0)
            h->yarn_ext_factor = o->yarn_ext_factor;
        if (o->yarn_orig_ctx)
            orig = h->rope_n_ctx = o->yarn_orig_ctx;
        if (!check_options(h, o, e))
            return false;
        h->n_ctx_reach = reach(h, orig, old_base);
    }
    if (h->rope_scaling == ROPE_SCALING_YARN && h->yarn_ext_factor == 0)
        h->rope_scaling = ROPE_SCALING_LINEAR; /* which is all that is left of it */
    return true;
}

bool rope_check(const struct model *m, const struct rope_options *o, struct err *e)
{
    bool turns = !any(o);
    for (uint32_t i = 0; i < m->h.n_layer; i++)
        turns = turns || (m->layers[i].rope && !m->layers[i].recurrent);
    return turns || fail(e, ERR_USAGE,
                         "the model does not turn by position; the --rope and --yarn options can "
                         "do nothing for it");
}

/* --- frequencies --------------------------------------------------------------------------------
 */

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
