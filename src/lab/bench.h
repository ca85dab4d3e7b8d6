/* SPDX-License-Identifier: Apache-2.0 */
/* lab/bench: prefill and decode speed of the engine alone: no text, no sampling, no reuse. */
#ifndef MOAT_LAB_BENCH_H
#define MOAT_LAB_BENCH_H

#include "lab/lab.h"
#include "lab/machine.h"

#define BENCH_RUNS 64u

struct bench_params {
    uint32_t n_prompt;  /* tokens of prefill, from empty; logits of the last only. 0: none */
    uint32_t n_decode;  /* single forced tokens a sequence. 0: none */
    uint32_t depth;     /* tokens of context (beside the first) before decoding */
    bool copies;        /* of that context but its beginning repeats one block: kv_repeat */
    uint32_t sequences; /* decoding together; the speed counts all their tokens */
    uint32_t runs;      /* of each, at most BENCH_RUNS */
    bool explain;       /* fills bench_result.prefill, .decode, .reads and .macs */
};

/* Where the time of all runs went. */
struct bench_parts {
    struct stages stages;
    uint64_t ns;     /* the same time, measured as a whole */
    uint64_t passes; /* whole prompts, or steps of decoding */
};

struct bench_result {
    double prefill_tps[BENCH_RUNS], decode_tps[BENCH_RUNS]; /* the first `runs`; 0 where skipped */
    struct bench_parts prefill, decode;
    struct machine_reads reads;
    struct machine_macs macs;
};

/* Tokens of context the lab must be opened with. */
uint32_t bench_context(const struct bench_params *p);
bool bench_run(struct lab *l, const struct bench_params *p, struct bench_result *r,
               struct err *e) MUST_USE;

#endif
