/* SPDX-License-Identifier: Apache-2.0 */
/* lab/lab: a model opened for measuring: no text, no budget, chosen sizes. */
#ifndef MOAT_LAB_LAB_H
#define MOAT_LAB_LAB_H

#include "engine/forward.h"
#include "engine/lora.h"
#include "engine/packed.h"
#include "gguf/gguf.h"
#include "run/memplan.h"

#define LAB_BATCH 512u /* tokens of one pass */

struct lab {
    struct gguf *g;
    struct model *m;
    struct packed packed;
    struct forward *f;
    struct lora_files adapters;
};

struct lab_params {
    uint32_t n_ctx; /* 0: the trained length */
    uint32_t n_seq;
    uint32_t n_batch; /* tokens of one pass, 0: LAB_BATCH */
    uint32_t n_logits;
    uint32_t threads; /* 0: os_cpu_count */
    enum kv_type kv;
    enum precision precision;
    const struct rope_options *rope;  /* NULL: positions are as the file says */
    bool embedding;                   /* for engine/embedding, which chooses n_seq and n_batch */
    struct memplan *plan;             /* NULL, or its budget is kept and its sum filled in */
    const struct packed_params *pack; /* NULL: weights stay as the file has them */
    struct lora_files adapters;       /* taken over, also on failure */
};

/* Takes g over, also on failure. */
bool lab_open(struct lab *l, struct gguf *g, const struct lab_params *p, struct err *e) MUST_USE;
void lab_close(struct lab *l);

/* Runs n tokens as sequence 0 from position 0, batch by batch, and calls row(arg, i, logits) for
 * every position first <= i < n, in order. Ids must be below the vocabulary: ERR_USAGE otherwise.
 */
typedef bool lab_row_fn(void *arg, uint32_t i, const float *logits, struct err *e);
bool lab_run(struct lab *l, const uint32_t *token, uint32_t n, uint32_t first, lab_row_fn *row,
             void *arg, struct err *e) MUST_USE;

#endif
