/* SPDX-License-Identifier: Apache-2.0 */
/* compute/quant/encoded_grid: what the encoders of the codebook formats share.
 *
 * A block of 256 weights has groups of 16 or 32 with a scale each, one of a few levels times the
 * block's d; a group has runs of 4 or 8 weights, each an entry of the codebook times that scale.
 * All entries are looked at for every run: for weights y the error of entry g under scale s is
 * s (s sum(w g^2) - 2 sum(w y g)) more than that of zeros, and the two sums are needed once for any
 * number of scales. */
#ifndef MOAT_COMPUTE_QUANT_ENCODED_GRID_H
#define MOAT_COMPUTE_QUANT_ENCODED_GRID_H

#include "compute/quant/encoded.h"

enum { GRID_ENTRIES = 2048, GRID_RUNS = 64 /* of a block */, GRID_SHIFTS = 2, GRID_TRIES = 2 };

enum grid_signs {              /* how the sign of a weight is kept */
                  GRID_SIGNED, /* the entries have signs */
                  GRID_FREE,   /* a bit for each weight */
                  GRID_EVEN,   /* of eight, an even number is negative */
};

struct grid_plan {
    const uint8_t *entries; /* [n][dims]; of signed ones as int8_t */
    uint32_t n, dims, group;
    enum grid_signs signs;
    float level, step; /* a group's scale is d (level + step i) */
    uint32_t n_levels;
    float shift;             /* all values of a run are moved by this or its opposite; 0: none */
    uint32_t shift_runs;     /* so many runs are moved alike */
    float largest;           /* value of the codebook */
    float tries[GRID_TRIES]; /* the largest weight of a group is tried as so many of it */
};

struct grid_block {
    float d;                    /* unit of the levels */
    uint8_t level[16];          /* of each group */
    uint16_t entry[GRID_RUNS];  /* of each run */
    uint8_t negative[32];       /* bit j of byte i: weight 8 i + j */
    bool moved_down[GRID_RUNS]; /* by -shift */
};

/* n weights, n / 256 blocks: out(arg, i, block) for each. */
void encode_grid(const struct fit_kernels *f, const struct grid_plan *p, const float *x,
                 const float *w, uint32_t n, struct grid_block *out);

#endif
