/* SPDX-License-Identifier: Apache-2.0 */
/* engine/pooling: how the vectors of a text's tokens become the vector of the text. */
#ifndef MOAT_ENGINE_POOLING_H
#define MOAT_ENGINE_POOLING_H

/* pooling_type, by the format's numbers. */
enum pooling {
    POOLING_NONE, /* they do not: every token keeps its own */
    POOLING_MEAN,
    POOLING_CLS, /* the first token's */
    POOLING_LAST,
    POOLING_RANK,     /* a score, by a classifier of the first one's */
    POOLING_UNSTATED, /* the model is not said to embed */
};

#endif
