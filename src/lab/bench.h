/* SPDX-License-Identifier: Apache-2.0 */
/* lab/bench: prefill and decode speed of the engine alone: no text, no sampling, no reuse. */
#ifndef MOAT_LAB_BENCH_H
#define MOAT_LAB_BENCH_H

#include "lab/lab.h"

#define BENCH_RUNS 64u

struct bench_params {
    uint32_t n_prompt;  /* tokens of prefill, from empty; logits of the last only. 0: none */
    uint32_t n_decode;  /* single forced tokens a sequence. 0: none */
    uint32_t depth;     /* tokens of context (beside the first) before decoding */
    uint32_t sequences; /* decoding together; the speed counts all their tokens */
    uint32_t runs;      /* of each, at most BENCH_RUNS */
};

struct bench_result {
    double prefill_tps[BENCH_RUNS], decode_tps[BENCH_RUNS]; /* the first `runs`; 0 where skipped */
};

/* Tokens of context the lab must be opened with. */
uint32_t bench_context(const struct bench_params *p);
bool bench_run(struct lab *l, const struct bench_params *p, struct bench_result *r,
               struct err *e) MUST_USE;

#endif
