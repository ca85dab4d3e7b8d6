/* SPDX-License-Identifier: Apache-2.0 */
/* engine/hparams_experts: what architectures with a mixture of experts read beside the common keys
 * (expert_count, expert_used_count, groups, expert_weights_scale: hparams_read). */
#ifndef MOAT_ENGINE_HPARAMS_EXPERTS_H
#define MOAT_ENGINE_HPARAMS_EXPERTS_H

#include "engine/hparams.h"

/* What a mixture of experts in every layer needs: expert_count, and expert_feed_forward_length or
 * its default, feed_forward_length shared out among the chosen. */
bool hparams_only_experts(struct hparams *h, const struct gguf *g, struct err *e) MUST_USE;

/* leading_dense_block_count, expert_gating_func, expert_weights_norm: what architectures that
 * choose their experts freely read; the caller has set the defaults. */
bool hparams_expert_choice(struct hparams *h, const struct gguf *g, struct err *e) MUST_USE;

/* The same of those that share experts: expert_feed_forward_length, and expert_shared_count of that
 * width each; ERR_CORRUPT where layers need experts and there are none. */
bool hparams_shared_experts(struct hparams *h, const struct gguf *g, struct err *e) MUST_USE;

#endif
