/* SPDX-License-Identifier: Apache-2.0 */
/* ops/forecast: which sizes of models a machine runs, in which formats, and how fast.
 *
 * A size is a real model's shape (those of Qwen2.5, which DeepSeek-R1-Distill shares, and of
 * Qwen3 0.6B); weights, keys and values are counted from it, the rest of the memory is estimated as
 * run/memplan sums it (within a few per cent of what it says). Speed: lab/decode_speed. */
#ifndef MOAT_OPS_FORECAST_H
#define MOAT_OPS_FORECAST_H

#include "ops/host.h"
#include "ops/measure.h"

enum fits {
    FITS_NOW,   /* in what is free */
    FITS_FREED, /* in what the machine has, once other programs have ended */
    FITS_NOT,
};

struct forecast {
    const char *size, *quant; /* "7B", "Q4_K_M"; of a file its name and NULL */
    uint64_t weights;         /* bytes of the file, nearly */
    uint64_t memory;          /* bytes with a context of 8192 tokens */
    struct decode_work work;
    double tokens_per_s; /* 0: not known */
    enum fits fits;
};

enum { FORECAST_SIZES = 5, FORECAST_QUANTS = 3, FORECASTS = FORECAST_SIZES * FORECAST_QUANTS };

/* Size by size, each from the smallest format to the largest; sizes and work only. */
void forecast_sizes(struct forecast f[FORECASTS]);
/* The same of one file, whose `name` is kept. */
bool forecast_file(struct forecast *f, const char *name, const struct gguf *g,
                   struct err *e) MUST_USE;
/* Fills in what the machine says. */
void forecast_judge(struct forecast *f, const struct host *h, const struct measured *m);

/* The largest size that runs now, in its smallest format, at so many tokens a second at least;
 * NULL: none. Where no speed is known, 0 asks for none. */
const struct forecast *forecast_best(const struct forecast f[FORECASTS], double tokens_per_s);

#define FORECAST_SLOW 3.0 /* tokens a second; slower than most people read */

#endif
