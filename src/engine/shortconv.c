/* SPDX-License-Identifier: Apache-2.0 */
/* engine/shortconv: see recurrent.h. */
#include "engine/recurrent.h"

#include <string.h>

#define LOT 16u /* channels whose loops have a fixed length, for the compiler's vectors */

/* The newest value of n channels against their last taps - 1, which then move on. */
static inline void conv_some(const struct conv *c, float *restrict x, const float *restrict gate,
                             float *restrict state, const float *restrict w, uint32_t n)
{
    float in[LOT], sum[LOT];
    uint32_t past = c->taps - 1;
    const float *newest = w + (size_t)past * c->channels;
    for (uint32_t ch = 0; ch < n; ch++)
        in[ch] = gate ? x[ch] * gate[ch] : x[ch];
    for (uint32_t ch = 0; ch < n; ch++)
        sum[ch] = newest[ch] * in[ch];
    for (uint32_t j = 0; j < past; j++)
        for (uint32_t ch = 0; ch < n; ch++)
            sum[ch] += w[(size_t)j * c->channels + ch] * state[(size_t)j * c->channels + ch];
    for (uint32_t j = 0; j + 1 < past; j++)
        memcpy(state + (size_t)j * c->channels, state + (size_t)(j + 1) * c->channels,
               n * sizeof *state);
    if (past)
        memcpy(state + (size_t)(past - 1) * c->channels, in, n * sizeof *state);
    memcpy(x, sum, n * sizeof *x);
}

static void conv_row(const struct conv *c, float *x, const float *gate, float *state, uint32_t n)
{
    uint32_t ch = 0;
    for (; ch + LOT <= n; ch += LOT)
        conv_some(c, x + ch, gate ? gate + ch : NULL, state + ch, c->weight + ch, LOT);
    if (ch < n)
        conv_some(c, x + ch, gate ? gate + ch : NULL, state + ch, c->weight + ch, n - ch);
}

void conv_channels(const struct task *t, const struct layer *l, const struct conv *c, uint32_t from,
                   uint32_t to)
{
    const struct forward *f = t->f;
    struct conv here = *c;
    here.weight += from;
    for (uint32_t i = 0; i < f->batch.n; i++) {
        size_t at = (size_t)i * c->stride + from;
        conv_row(&here, c->x + at, c->gate ? c->gate + at : NULL,
                 kv_state(f->kv, l, f->batch.seq[i]) + from, to - from);
    }
}

void block_short_conv(struct task *t, const struct layer *l, const float *x, float *y, bool add)
{
    const struct hparams *h = &t->f->m->h;
    uint32_t d = h->d_model, n_chunks = (d + CONV_CHANNELS - 1) / CONV_CHANNELS, i;
    float *b = t->f->act.spare[0], *c = b + d, *v = c + d;
    const struct product in = {.w = &l->conv_in, .y = b};
    const struct product out = {.w = &l->conv_out, .y = y, .add = add};
    const struct conv conv = {
        .x = v, .gate = b, .weight = l->conv, .stride = 3 * d, .channels = d, .taps = h->conv_taps};
    task_enter(t, STAGE_QKV);
    block_norm(t, x, l->attn_norm, &in, 1);
    block_products(t, &in, 1);
    task_enter(t, STAGE_RECURRENT);
    task_count(t, 0, (uint64_t)h->conv_taps * d * t->n_tok);
    while (task_next(t, n_chunks, &i)) {
        uint32_t from = i * CONV_CHANNELS, to = d - from < CONV_CHANNELS ? d : from + CONV_CHANNELS;
        conv_channels(t, l, &conv, from, to);
        for (uint32_t r = 0; r < t->n_tok; r++)
            for (uint32_t ch = from; ch < to; ch++)
                v[(size_t)r * 3 * d + ch] *= c[(size_t)r * 3 * d + ch];
    }
    task_barrier(t);
    block_keep_wanted(t, l, v, d, 3 * d);
    task_enter(t, STAGE_OUTPUT);
    block_rows(t, v, t->n_tok, d, 3 * d, &out, 1);
    block_products(t, &out, 1);
}
