/* SPDX-License-Identifier: Apache-2.0 */
/* lab/decode_speed: how fast this machine will write tokens with a model that is not here yet.
 *
 * Two things bound a token: its weights have to be read and taken apart, which goes at a rate of
 * its own for each format, and each layer makes the threads meet a few times, however small it is.
 * Both are measured with the engine itself, on models made up for it: one with wide layers for each
 * format, one with many narrow layers for the meetings. Neither fits a cache. */
#ifndef MOAT_LAB_DECODE_SPEED_H
#define MOAT_LAB_DECODE_SPEED_H

#include "gguf/gguf.h"

struct decode_speed {
    double rate[DTYPE_COUNT]; /* bytes of weights a second; 0: not measured */
    double layer_s;           /* seconds a layer takes beside its weights; 0: not measured */
};

/* What one token of a model reads. */
struct decode_work {
    uint64_t bytes[DTYPE_COUNT]; /* of weights, by format */
    uint32_t n_layer;
};

/* Adds the rate of a format, and what a layer takes where it is not known yet, with so many
 * threads; made-up models are of about `bytes`. ERR_LIMIT where there is no memory to spare,
 * ERR_UNSUPPORTED for a format that holds no weights. */
bool decode_speed_measure(struct decode_speed *s, enum dtype t, uint32_t threads, uint64_t bytes,
                          struct err *e) MUST_USE;

/* Of the experts of a layer only those count that a token is given to. */
bool decode_work_of(struct decode_work *w, const struct gguf *g, struct err *e) MUST_USE;
uint64_t decode_work_bytes(const struct decode_work *w);

/* Tokens a second, with little context; 0: a format of the work was not measured. */
double decode_speed_predict(const struct decode_speed *s, const struct decode_work *w);

#endif
