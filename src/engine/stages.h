/* SPDX-License-Identifier: Apache-2.0 */
/* engine/stages: where the time of a pass goes, kind of work by kind of work.
 *
 * A clock handed to a forward (forward.clock) runs from stages_start on and always stands at one
 * stage: what enters the next one ends the last, so the parts are the whole. Thread 0 keeps it; as
 * stages end with barriers its time is everybody's. Without a clock a stage costs a comparison.
 *
 * Work is what the formulas need: multiply-adds, and bytes of weights, keys, values and states that
 * have to come from memory once in a pass; activations, which stay in the cache, are not counted.
 */
#ifndef MOAT_ENGINE_STAGES_H
#define MOAT_ENGINE_STAGES_H

#include <stdint.h>

enum stage {
    STAGE_EMBED,     /* embedding rows, rotation angles */
    STAGE_QKV,       /* norm, queries, keys and values; of recurrent layers what stands for them */
    STAGE_ATTENTION, /* head norms, rotation, KV write, attention */
    STAGE_RECURRENT, /* convolution, delta rule */
    STAGE_OUTPUT,    /* attention's output projection, residual */
    STAGE_GATE_UP,   /* norm, gate and up, activation */
    STAGE_DOWN,      /* down, residual */
    STAGE_EXPERTS,   /* norm, router, chosen experts, residual */
    STAGE_NORMS,     /* norms and residuals by themselves */
    STAGE_LOGITS,    /* final norm, output matrix */
    STAGE_OUTSIDE,   /* between passes: preparing a batch, starting the team */
    STAGES,
};

struct stage_work {
    uint64_t ns, bytes, macs;
};

struct stages {
    struct stage_work of[STAGES];
    enum stage now;
    uint64_t since; /* os_now_ns */
};

/* Begins, or goes on after a stop, at STAGE_OUTSIDE; zeroed before the first. */
void stages_start(struct stages *s);
void stages_enter(struct stages *s, enum stage next);
/* Ends what runs: the sum of all is what os_now_ns says has passed between starts and stops. */
void stages_stop(struct stages *s);

static inline void stages_add(struct stages *s, uint64_t bytes, uint64_t macs)
{
    s->of[s->now].bytes += bytes;
    s->of[s->now].macs += macs;
}

#endif
