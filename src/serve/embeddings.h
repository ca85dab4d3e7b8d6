/* SPDX-License-Identifier: Apache-2.0 */
/* serve/embeddings: texts of a request -> vectors, for every dialect that has them. */
#ifndef MOAT_SERVE_EMBEDDINGS_H
#define MOAT_SERVE_EMBEDDINGS_H

#include "serve/ask.h"

/* Asks for a vector of each text: `input` is a string, an array of token ids, or an array of
 * either; `field` is its name. words->whole gets them in v[i].result. False: *p. */
bool embeddings_ask(struct exchange *x, const json_t *input, const char *field,
                    const struct ask_words *words, struct ask **out, struct problem *p) MUST_USE;
/* The vector of answer i, cut to `dimensions` (0: all) and of length 1; owned by the caller. */
json_t *embeddings_vector(const struct ask *a, uint32_t i, uint32_t dimensions);

#endif
