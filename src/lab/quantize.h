/* SPDX-License-Identifier: Apache-2.0 */
/* lab/quantize: a GGUF file becomes a smaller one.
 *
 * Takes an open model whose matrices are F32, F16 or BF16 (or, if asked, anything that can be
 * decoded) and a mix (lab/quantize_mix); gives a file that appears whole or not at all. All threads
 * work on the rows of one tensor at a time, a few MiB of them, so memory does not grow with the
 * model. Metadata pass through, but for what says how the weights are stored. The same input gives
 * the same bytes on any machine and with any number of threads. */
#ifndef MOAT_LAB_QUANTIZE_H
#define MOAT_LAB_QUANTIZE_H

#include "lab/importance.h"
#include "lab/quantize_mix.h"

enum { QUANTIZE_OVERRIDES = 64 };
struct quantize_override {
    struct str pattern; /* of tensor names; * stands for anything */
    enum dtype type;
};

struct quantize_options {
    const char *out;
    const struct mix *mix;
    struct quantize_override overrides[QUANTIZE_OVERRIDES]; /* the first that fits */
    unsigned n_overrides;
    const struct importance *importance; /* or NULL */
    bool requantize;                     /* matrices that are quantised already, too */
    uint32_t threads;                    /* 0: os_cpu_count */
    bool (*progress)(void *arg, uint64_t done, uint64_t total); /* bytes read; false: stop */
    void *arg;
};

struct quantize_result {
    uint64_t bytes_in, bytes_out; /* of the files */
    uint64_t n_encoded, n_kept;   /* tensors */
    uint64_t n_without;           /* encoded without importance though there is a matrix of it */
};

bool quantize_model(const struct gguf *g, const struct quantize_options *o,
                    struct quantize_result *r, struct err *e) MUST_USE;

/* Whether name fits a pattern. */
bool quantize_matches(struct str pattern, struct str name);

#endif
