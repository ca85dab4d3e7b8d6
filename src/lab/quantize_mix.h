/* SPDX-License-Identifier: Apache-2.0 */
/* lab/quantize_mix: which format each tensor of a model gets under a name such as Q4_K_M.
 *
 * A mix has a base format and exceptions for the tensors that errors hurt most: values, the output
 * of a feed-forward block, the output matrix. Names, numbers (general.file_type) and exceptions are
 * those that users of GGUF files know. */
#ifndef MOAT_LAB_QUANTIZE_MIX_H
#define MOAT_LAB_QUANTIZE_MIX_H

#include "base/buf.h"
#include "gguf/gguf.h"

struct mix;
const struct mix *mix_find(struct str name, struct err *e) MUST_USE; /* "Q4_K_M", "q8_0" */
const char *mix_name(const struct mix *m);
uint32_t mix_file_type(const struct mix *m);
/* Whether its formats are of use only with an importance matrix. */
bool mix_wants_importance(const struct mix *m);
void mix_names(struct buf *out); /* all, separated by ", " */

/* What the rules look at. */
struct mix_model {
    uint32_t n_layer, heads_per_kv; /* attention.head_count / attention.head_count_kv */
    bool tied;                      /* the embedding is the output matrix too */
};

/* Whether t is a matrix that is multiplied with: norms, biases, routers and tables of positions
 * stay as they are. */
bool mix_applies(const struct gguf_tensor *t);
/* The format of such a tensor; one that its row length does not allow is replaced by the next
 * larger one that it does. */
enum dtype mix_type(const struct mix *m, const struct mix_model *of, const struct gguf_tensor *t);
/* The same replacement for a format that a user asked for. */
enum dtype mix_fitting(enum dtype t, uint64_t row);

#endif
