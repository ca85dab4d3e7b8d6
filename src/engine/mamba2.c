/* SPDX-License-Identifier: Apache-2.0 */
/* engine/mamba2: see mamba2.h.
 *
 * One matrix gives a token's z, x, B, C and dt; x, B and C go through a short convolution and SiLU.
 * A head keeps a matrix S of d_head x d_state. With its share x' of x, and B and C of its group:
 *
 *   dt = softplus(dt + bias),  S = exp(dt A) S + (dt x') B',  y = S C + D x'
 *
 * What comes out is gated by SiLU(z) and normalised group by group. */
#include "engine/mamba2.h"

#include <math.h>

#include "base/limits.h"
#include "engine/arch.h"

/* Rows of act.spare[0]: z [d_ssm], x [d_ssm], B and C [n_ssm_group][d_ssm_state], dt [n_ssm_head].
 */
struct columns {
    uint32_t z, x, b, c, dt, width, conv;
};

static struct columns columns_of(const struct hparams *h)
{
    uint32_t of_b = h->n_ssm_group * h->d_ssm_state;
    struct columns at = {.x = h->d_ssm, .b = 2 * h->d_ssm, .conv = h->d_ssm + 2 * of_b};
    at.c = at.b + of_b;
    at.dt = at.c + of_b;
    at.width = at.dt + h->n_ssm_head;
    return at;
}

static float softplus(float x)
{
    return x > 20.0f ? x : log1pf(expf(x));
}

/* x, B and C of all tokens, in place. */
static void convolve(struct task *t, const struct layer *l)
{
    const struct hparams *h = &t->f->m->h;
    const struct columns at = columns_of(h);
    float *x = t->f->act.spare[0] + at.x;
    const struct conv conv = {
        .x = x, .weight = l->conv, .stride = at.width, .channels = at.conv, .taps = h->conv_taps};
    uint32_t n_chunks = (at.conv + CONV_CHANNELS - 1) / CONV_CHANNELS, chunk;
    while (task_next(t, n_chunks, &chunk)) {
        uint32_t from = chunk * CONV_CHANNELS, left = at.conv - from;
        uint32_t n = left < CONV_CHANNELS ? left : CONV_CHANNELS;
        conv_channels(t, l, &conv, from, from + n);
        for (size_t i = 0; i < t->n_tok; i++) {
            float *row = x + i * at.width + from;
            if (l->conv_bias)
                t->f->kernels->axpy(row, 1.0f, l->conv_bias + from, n);
            t->f->kernels->gated(row, NULL, GATE_SILU, n);
        }
    }
    task_barrier(t);
}

/* One token of one head: its part of z becomes SiLU(z) y. */
static void step_head(const struct task *t, const struct layer *l, uint32_t head, float *row,
                      float *state)
{
    const struct kernels *k = t->f->kernels;
    const struct hparams *h = &t->f->m->h;
    const struct columns at = columns_of(h);
    uint32_t d = h->d_ssm / h->n_ssm_head, n = h->d_ssm_state;
    uint32_t group = head / (h->n_ssm_head / h->n_ssm_group);
    const float *b = row + at.b + (size_t)group * n, *c = row + at.c + (size_t)group * n;
    float *x = row + at.x + (size_t)head * d, *z = row + at.z + (size_t)head * d;
    float dt = softplus(row[at.dt + head] + l->ssm_dt[head]), decay = expf(dt * l->ssm_a[head]);
    for (uint32_t i = 0; i < d; i++) {
        float *s = state + (size_t)i * n;
        k->scale(s, decay, n);
        k->axpy(s, dt * x[i], b, n);
        x[i] = k->dot(s, c, n) + l->ssm_d[head] * x[i];
    }
    k->gated(z, x, GATE_SILU, d);
}

static void run_head(const struct task *t, const struct layer *l, uint32_t head)
{
    const struct forward *f = t->f;
    const struct hparams *h = &f->m->h;
    const struct columns at = columns_of(h);
    size_t d = h->d_ssm / h->n_ssm_head;
    size_t skip = (size_t)(h->conv_taps - 1) * at.conv + head * d * h->d_ssm_state;
    for (size_t i = 0; i < f->batch.n; i++)
        step_head(t, l, head, f->act.spare[0] + i * at.width,
                  kv_state(f->kv, l, f->batch.seq[i]) + skip);
}

/* The gated rows, group by group. */
static void normalise(struct task *t, const struct layer *l)
{
    const struct hparams *h = &t->f->m->h;
    const struct columns at = columns_of(h);
    uint32_t d = h->d_ssm / h->n_ssm_group, from, to;
    if (!l->ssm_norm)
        return;
    task_share(t, t->n_tok, &from, &to);
    for (size_t i = from; i < to; i++)
        for (size_t j = 0; j < h->n_ssm_group; j++) {
            float *z = t->f->act.spare[0] + i * at.width + j * d;
            t->f->kernels->norm(z, l->ssm_norm + j * d, h->norm_eps, z, d);
        }
    task_barrier(t);
}

static void count_scan(const struct task *t)
{
    const struct hparams *h = &t->f->m->h;
    const struct batch *b = &t->f->batch;
    uint64_t state = (uint64_t)h->d_ssm * h->d_ssm_state, sequences = 0;
    for (uint32_t i = 0; t->clock && i < b->n; i++)
        sequences += i == 0 || b->seq[i] != b->seq[i - 1];
    task_count(t, 8 * state * sequences, 3 * state * t->n_tok);
}

void block_mamba2_scan(struct task *t, const struct layer *l, const float *x)
{
    const struct product in = {.w = &l->ssm_in, .y = t->f->act.spare[0]};
    uint32_t head;
    task_enter(t, STAGE_QKV);
    block_norm(t, x, l->attn_norm, &in, 1);
    block_products(t, &in, 1);
    task_enter(t, STAGE_RECURRENT);
    count_scan(t);
    convolve(t, l);
    while (task_next(t, t->f->m->h.n_ssm_head, &head))
        run_head(t, l, head);
    task_barrier(t);
    normalise(t, l);
}

void block_mamba2_keep_wanted(struct task *t, const struct layer *l)
{
    const struct hparams *h = &t->f->m->h;
    block_keep_wanted(t, l, t->f->act.spare[0], h->d_ssm, columns_of(h).width);
}

void block_mamba2_keep_too(struct task *t)
{
    const struct hparams *h = &t->f->m->h;
    block_keep_too(t, t->f->act.spare[0], h->d_ssm, columns_of(h).width);
}

void block_mamba2_out(struct task *t, const struct layer *l, float *y, bool add)
{
    const struct hparams *h = &t->f->m->h;
    const struct product out = {.w = &l->ssm_out, .y = y, .add = add};
    task_enter(t, STAGE_OUTPUT);
    block_rows(t, t->f->act.spare[0], t->n_tok, h->d_ssm, columns_of(h).width, &out, 1);
    block_products(t, &out, 1);
}

static bool read_sizes(struct hparams *h, const struct gguf *g, struct err *e)
{
    static const char *const keys[] = {"ssm.conv_kernel", "ssm.inner_size", "ssm.state_size",
                                       "ssm.time_step_rank", "ssm.group_count"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!hparams_required(g, h, keys[i], e))
            return false;
    return hparams_u32(g, h, "ssm.conv_kernel", 1, LIMIT_CONV_TAPS, &h->conv_taps, e) &&
           hparams_u32(g, h, "ssm.inner_size", 1, LIMIT_WIDTH, &h->d_ssm, e) &&
           hparams_u32(g, h, "ssm.state_size", 1, LIMIT_STATE_SIZE, &h->d_ssm_state, e) &&
           hparams_u32(g, h, "ssm.time_step_rank", 1, LIMIT_HEADS, &h->n_ssm_head, e) &&
           hparams_u32(g, h, "ssm.group_count", 1, LIMIT_HEADS, &h->n_ssm_group, e);
}

bool hparams_mamba2(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (!read_sizes(h, g, e))
        return false;
    uint64_t conv = h->d_ssm + 2 * (uint64_t)h->n_ssm_group * h->d_ssm_state;
    uint64_t width = h->d_ssm + conv + h->n_ssm_head;
    if (width > LIMIT_WIDTH || h->d_ssm % h->n_ssm_head || h->d_ssm % h->n_ssm_group ||
        h->n_ssm_head % h->n_ssm_group)
        return fail(e, ERR_CORRUPT,
                    "the sizes of the model's recurrent layers (%u heads of %u, %u groups, width "
                    "%u) do not fit together",
                    h->n_ssm_head, h->d_ssm_state, h->n_ssm_group, h->d_ssm);
    h->widest = h->d_ssm;
    h->d_state = (h->conv_taps - 1) * conv + (uint64_t)h->d_ssm * h->d_ssm_state;
    h->d_spare[0] = width;
    return true;
}
