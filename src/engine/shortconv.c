/* SPDX-License-Identifier: Apache-2.0 */
/* engine/shortconv: see recurrent.h. */
#include "engine/recurrent.h"

#include <string.h>

/* One row: the newest value of each channel against its last taps - 1, which then move on. */
static void conv_row(const struct conv *c, float *x, const float *gate, float *state, uint32_t from,
                     uint32_t to)
{
    uint32_t past = c->taps - 1;
    for (uint32_t ch = from; ch < to; ch++) {
        const float *w = c->weight + (size_t)ch * c->taps;
        float in = gate ? x[ch] * gate[ch] : x[ch], sum = 0;
        for (uint32_t j = 0; j < past; j++)
            sum += w[j] * state[(size_t)j * c->channels + ch];
        for (uint32_t j = 0; j + 1 < past; j++)
            state[(size_t)j * c->channels + ch] = state[(size_t)(j + 1) * c->channels + ch];
        if (past)
            state[(size_t)(past - 1) * c->channels + ch] = in;
        x[ch] = sum + w[past] * in;
    }
}

void conv_channels(const struct task *t, const struct layer *l, const struct conv *c, uint32_t from,
                   uint32_t to)
{
    const struct forward *f = t->f;
    for (uint32_t i = 0; i < f->batch.n; i++)
        conv_row(c, c->x + (size_t)i * c->stride, c->gate ? c->gate + (size_t)i * c->stride : NULL,
                 kv_state(f->kv, l, f->batch.seq[i]), from, to);
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
    block_norm(t, x, l->attn_norm, &in, 1);
    block_products(t, &in, 1);
    while (task_next(t, n_chunks, &i)) {
        uint32_t from = i * CONV_CHANNELS, to = d - from < CONV_CHANNELS ? d : from + CONV_CHANNELS;
        conv_channels(t, l, &conv, from, to);
        for (uint32_t r = 0; r < t->f->batch.n; r++)
            for (uint32_t ch = from; ch < to; ch++)
                v[(size_t)r * 3 * d + ch] *= c[(size_t)r * 3 * d + ch];
    }
    task_barrier(t);
    block_rows(t, v, t->f->batch.n, d, 3 * d, &out, 1);
    block_products(t, &out, 1);
}
