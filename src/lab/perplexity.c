/* SPDX-License-Identifier: Apache-2.0 */
/* lab/perplexity: see perplexity.h. */
#include "lab/perplexity.h"

#include <math.h>

struct window {
    const uint32_t *token;
    uint32_t n, n_vocab;
    struct perplexity *p;
};

/* -log softmax(logits)[target] */
static double surprise(const float *logits, uint32_t n, uint32_t target)
{
    float max = logits[0];
    for (uint32_t i = 1; i < n; i++)
        max = fmaxf(max, logits[i]);
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += (double)expf(logits[i] - max);
    return log(sum) - (double)(logits[target] - max);
}

static bool score_row(void *arg, uint32_t i, const float *logits, struct err *e)
{
    struct window *w = arg;
    (void)e;
    if (i + 1 < w->n) {
        w->p->nll += surprise(logits, w->n_vocab, w->token[i + 1]);
        w->p->count++;
    }
    return true;
}

bool perplexity_add(struct lab *l, const uint32_t *window, uint32_t n, struct perplexity *p,
                    struct err *e)
{
    struct window w = {window, n, l->m->h.n_vocab, p};
    return lab_run(l, window, n, n / 2, score_row, &w, e);
}

double perplexity_value(const struct perplexity *p)
{
    return exp(p->nll / (double)p->count);
}
