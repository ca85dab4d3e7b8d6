/* SPDX-License-Identifier: Apache-2.0 */
/* lab/perplexity: how well a model predicts a text.
 *
 * The tokens are cut into windows; each is evaluated alone and scored at its positions W/2..W-2,
 * where token i predicts token i+1. Perplexity is exp of the mean negative log-likelihood. */
#ifndef MOAT_LAB_PERPLEXITY_H
#define MOAT_LAB_PERPLEXITY_H

#include "lab/lab.h"

struct perplexity {
    double nll; /* sum of negative log-likelihoods, in nats */
    uint64_t count;
};

/* Adds one window of n >= 4 tokens. */
bool perplexity_add(struct lab *l, const uint32_t *window, uint32_t n, struct perplexity *p,
                    struct err *e) MUST_USE;
double perplexity_value(const struct perplexity *p);

#endif
