/* SPDX-License-Identifier: Apache-2.0 */
/* engine/lora: low-rank adapters (Hu et al. 2021) beside the weights of a model.
 *
 * An adapter gives some matrices W of a model two small ones: y = W x + s alpha / rank B (A x),
 * where s is the scale at which it is used. W stays as it is, so several can be used at once and
 * each sequence has scales of its own (forward_adapt). Sums are formed in F32, in one order
 * whatever the batch: adapters by number, ranks ascending. A scale of 0 costs nothing.
 *
 * A file is a GGUF of general.type "adapter" and adapter.type "lora", of the model's architecture:
 * adapter.lora.alpha (0: the rank), and for the weight NAME the tensors NAME.lora_a [rank][cols]
 * and NAME.lora_b [rows][rank]. Refused are adapters of embeddings, of stacks of experts and of
 * latent keys, of weights the model has not, and those that only begin at a token (aLoRA). */
#ifndef MOAT_ENGINE_LORA_H
#define MOAT_ENGINE_LORA_H

#include "base/limits.h"
#include "engine/task.h"

/* What one adapter adds to one matrix. */
struct lora_part {
    const struct lora_part *next; /* of the next adapter */
    const float *a;               /* [rank][cols] */
    const float *b;               /* [rank][stride], from the matrix's first row on */
    uint32_t rank, stride, adapter;
    uint32_t at; /* of A x in a row of act.lora */
    float scale; /* alpha / rank */
};

/* Adapters by their number: open files, and the scales at which they work where nobody says
 * otherwise. */
struct lora_file {
    struct gguf *g;
    float scale;
};
struct lora_files {
    struct lora_file v[LIMIT_ADAPTERS];
    uint32_t n;
};
void lora_files_close(struct lora_files *files);

/* Adds the files' matrices to those of the model; what is read is copied. The model may not be in
 * use; where it fails, it may only be freed. */
bool lora_add(struct model *m, const struct lora_files *files, struct err *e) MUST_USE;
/* Their scales in every sequence, until forward_adapt says otherwise. */
void lora_use(struct forward *f, const struct lora_files *files);

/* --- inside a pass: called by all threads, as in blocks.h --- */

struct product;

/* Whether some row of the batch is adapted by one of these matrices. */
bool lora_applies(const struct task *t, const struct product *p, uint32_t n);
/* act.lora = A x of all rows of task.in for those that are; ends with a barrier. */
void lora_begin(struct task *t, const struct product *p, uint32_t n);
/* y += s alpha / rank B (A x) in columns row..end of all rows. */
void lora_finish(const struct task *t, const struct product *p, uint32_t row, uint32_t end);

#endif
