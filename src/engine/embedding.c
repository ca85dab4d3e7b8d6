/* SPDX-License-Identifier: Apache-2.0 */
/* engine/embedding: see embedding.h. */
#include "engine/embedding.h"

#include <math.h>
#include <string.h>

#include "engine/arch.h"

uint64_t embedding_rows(enum pooling p, uint32_t n)
{
    return p == POOLING_NONE ? n : 1;
}

uint32_t embedding_width(const struct model *m, enum pooling p)
{
    return p == POOLING_RANK ? m->h.n_labels : m->h.d_model;
}

uint32_t embedding_longest(const struct forward *f)
{
    uint32_t n_ctx = f->p.kv.n_ctx, pass = f->batch.max;
    return f->m->h.bidirectional && pass < n_ctx ? pass : n_ctx;
}

bool embedding_check(const struct model *m, enum pooling p, struct err *e)
{
    if (p == POOLING_UNSTATED)
        return fail(e, ERR_UNSUPPORTED,
                    "the model is not an embedding model (it has no %s.pooling_type); to embed "
                    "with it all the same, say how with --pooling last or --pooling mean",
                    m->h.arch->name);
    if (p == POOLING_RANK && !m->classifier)
        return fail(e, ERR_UNSUPPORTED,
                    "the model cannot rank: it has no classifier (tensor cls.output.weight)");
    return true;
}

/* y = w x + bias, [rows][cols] */
static void linear(const float *w, const float *bias, const float *x, uint32_t rows, uint32_t cols,
                   float *y)
{
    for (uint32_t i = 0; i < rows; i++) {
        double sum = bias ? (double)bias[i] : 0;
        for (uint32_t j = 0; j < cols; j++)
            sum += (double)w[(size_t)i * cols + j] * (double)x[j];
        y[i] = (float)sum;
    }
}

/* The head of a sequence classifier: tanh(pooler x), then the classifier (Devlin et al. 2018). */
static void rank(struct forward *f, const float *x, float *out)
{
    const struct model *m = f->m;
    uint32_t d = m->h.d_model;
    if (m->pooler) {
        float *pooled = f->act.x; /* the pass is over */
        linear(m->pooler, m->pooler_bias, x, d, d, pooled);
        for (uint32_t i = 0; i < d; i++)
            pooled[i] = tanhf(pooled[i]);
        x = pooled;
    }
    linear(m->classifier, m->classifier_bias, x, m->h.n_labels, d, out);
}

/* A model that ranks judges by the token that has seen all: an encoder's first, or the last. */
static bool is_judged(const struct model *m, const struct embed_text *t, uint32_t pos)
{
    return pos == (m->h.bidirectional ? 0 : t->n - 1);
}

/* What the token at `pos` gives to its text. */
static void pool(struct forward *f, enum pooling p, const struct embed_text *t, uint32_t pos,
                 const float *x)
{
    uint32_t d = f->m->h.d_model;
    switch (p) {
    case POOLING_NONE:
        memcpy(t->out + (size_t)pos * d, x, d * sizeof *x);
        break;
    case POOLING_MEAN:
        f->kernels->axpy(t->out, 1.0f, x, d);
        if (pos == t->n - 1)
            f->kernels->scale(t->out, 1.0f / (float)t->n, d);
        break;
    case POOLING_CLS:
        if (pos == 0)
            memcpy(t->out, x, d * sizeof *x);
        break;
    case POOLING_LAST:
        if (pos == t->n - 1)
            memcpy(t->out, x, d * sizeof *x);
        break;
    case POOLING_RANK:
        if (is_judged(f->m, t, pos))
            rank(f, x, t->out);
        break;
    case POOLING_UNSTATED:
        break;
    }
}

/* Tokens from..from+n of a text become rows of the batch, as sequence seq. */
static bool add_rows(struct forward *f, const struct embed_text *t, uint32_t seq, uint32_t from,
                     uint32_t n, struct err *e)
{
    if (from == 0)
        (void)kv_truncate(f->kv, seq, 0);
    if (!kv_reserve(f->kv, seq, from, n, e))
        return false;
    for (uint32_t i = from; i < from + n; i++) {
        batch_add(&f->batch, seq, i, t->token[i], true);
        if (t->n_first && i >= t->n_first && f->m->h.n_token_types > 1)
            f->batch.type[f->batch.n - 1] = 1;
    }
    return true;
}

static bool check_texts(const struct forward *f, const struct embed_text *text, uint32_t n,
                        struct err *e)
{
    uint32_t longest = embedding_longest(f);
    for (uint32_t i = 0; i < n; i++) {
        if (text[i].n == 0)
            return fail(e, ERR_USAGE, "there is nothing to embed: a text is empty");
        if (text[i].n > longest)
            return fail(e, ERR_LIMIT,
                        "a text has %u tokens, more than the %u that fit; make it shorter, or cut "
                        "it into parts",
                        text[i].n, longest);
    }
    return true;
}

bool embed_texts(struct forward *f, enum pooling p, struct embed_text *text, uint32_t n,
                 struct err *e)
{
    const bool whole = f->m->h.bidirectional;
    const uint32_t n_seq = whole ? f->p.kv.n_seq : 1, d = f->m->h.d_model;
    struct batch *b = &f->batch;
    if (!check_texts(f, text, n, e))
        return false;
    for (uint32_t i = 0; i < n; i++)
        memset(text[i].out, 0,
               embedding_rows(p, text[i].n) * embedding_width(f->m, p) * sizeof(float));
    for (uint32_t at = 0, from = 0; at < n;) {
        const uint32_t first = at;
        batch_reset(b, true);
        while (at < n && at - first < n_seq) {
            uint32_t left = text[at].n - from, room = b->max - b->n;
            uint32_t step = left < room ? left : room;
            if (step == 0 || (whole && step < left))
                break;
            if (!add_rows(f, &text[at], at - first, from, step, e))
                return false;
            from = step == left ? 0 : from + step;
            at += step == left;
        }
        forward(f);
        for (uint32_t i = 0; i < b->n; i++)
            pool(f, p, &text[first + b->seq[i]], b->pos[i], f->hidden + (size_t)i * d);
    }
    return true;
}

float embedding_score(const float *logit, uint32_t n)
{
    double most = 0, sum = 0;
    if (n == 1)
        return (float)(1 / (1 + exp(-(double)logit[0])));
    for (uint32_t i = 0; i < n; i++)
        most = i == 0 || (double)logit[i] > most ? (double)logit[i] : most;
    for (uint32_t i = 0; i < n; i++)
        sum += exp((double)logit[i] - most);
    return (float)(exp((double)logit[0] - most) / sum);
}

void embedding_normalise(float *v, uint64_t n)
{
    double sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += (double)v[i] * (double)v[i];
    for (uint64_t i = 0; i < n && sum > 0; i++)
        v[i] = (float)((double)v[i] / sqrt(sum));
}
