/* SPDX-License-Identifier: Apache-2.0 */
/* run/memplan: what a model will take in memory, summed before it is loaded.
 *
 * The budget is a hard sum: weights + KV cache + states + scratch + text (vocabulary, template).
 * What does not fit is refused by memplan_check; memplan_render shows the sum line by line and the
 * options that would make it fit. */
#ifndef MOAT_RUN_MEMPLAN_H
#define MOAT_RUN_MEMPLAN_H

#include <stdint.h>

#include "base/buf.h"
#include "engine/forward.h"
#include "gguf/gguf.h"

struct memplan {
    uint64_t weights, kv, states, scratch, text, program; /* bytes each */
    uint64_t draft;                                       /* all of the draft model */
    uint64_t adapters;                                    /* matrices of LoRA adapters, in F32 */
    uint64_t total;
    uint64_t budget;
    bool budget_given;     /* by --memory, not by what the machine has free */
    uint32_t n_ctx;        /* context the KV figure is for */
    uint64_t kv_per_token; /* bytes one more token of context takes */
    enum kv_type kv_type;
};

/* What the model takes with these parameters, in place of all but the budget. */
void memplan_of(struct memplan *p, const struct gguf *g, const struct model *m,
                const struct forward_params *f);
/* The budget where none is given: what is free, less a reserve. */
uint64_t memplan_free(void);

void memplan_sum(struct memplan *p);
bool memplan_check(const struct memplan *p, struct err *e) MUST_USE; /* ERR_LIMIT */
/* The table of the sum, then "would fit" advice where it does not. Ends with a newline. */
void memplan_render(const struct memplan *p, struct buf *out);

#endif
