/* SPDX-License-Identifier: Apache-2.0 */
/* engine/embedding: texts -> vectors.
 *
 * Takes token ids; several texts share a pass where the model reads them whole, and a text longer
 * than a pass is cut where it does not. The vector of a text does not depend on its neighbours.
 * Refuses texts without tokens, and those longer than the context. */
#ifndef MOAT_ENGINE_EMBEDDING_H
#define MOAT_ENGINE_EMBEDDING_H

#include "engine/forward.h"

struct embed_text {
    const uint32_t *token; /* ids below n_vocab */
    uint32_t n;
    uint32_t n_first; /* tokens of its first part, where the model tells two apart; 0: all */
    float *out;       /* [embedding_rows][embedding_width], filled in */
};

/* Vectors a text of n tokens gets, and how long each is. */
uint64_t embedding_rows(enum pooling p, uint32_t n);
uint32_t embedding_width(const struct model *m, enum pooling p);

/* Tokens a text may have. */
uint32_t embedding_longest(const struct forward *f);

/* ERR_UNSUPPORTED where the model cannot pool like that, or is not said to embed. */
bool embedding_check(const struct model *m, enum pooling p, struct err *e) MUST_USE;
/* p passed that check. */
bool embed_texts(struct forward *f, enum pooling p, struct embed_text *text, uint32_t n,
                 struct err *e) MUST_USE;

/* What a model that ranks gives, as one number from 0 to 1: the logistic function of its only
 * logit, or where it has several the share of the first (softmax). */
float embedding_score(const float *logit, uint32_t n);

/* Makes its length 1; zeros stay. */
void embedding_normalise(float *v, uint64_t n);

#endif
