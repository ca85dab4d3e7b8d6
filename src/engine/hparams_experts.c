/* SPDX-License-Identifier: Apache-2.0 */
/* engine/hparams_experts: see hparams_experts.h. */
#include "engine/hparams_experts.h"

#include "base/limits.h"
#include "engine/arch.h"

bool hparams_only_experts(struct hparams *h, const struct gguf *g, struct err *e)
{
    if (h->n_expert == 0)
        return fail(e, ERR_CORRUPT, "the model has no %s.expert_count", h->arch->name);
    h->d_ff_expert = h->d_ff / h->n_expert_used;
    return hparams_u32(g, h, "expert_feed_forward_length", 1, LIMIT_WIDTH, &h->d_ff_expert, e);
}

bool hparams_expert_choice(struct hparams *h, const struct gguf *g, struct err *e)
{
    uint32_t gating = h->expert_gating;
    if (!hparams_u32(g, h, "leading_dense_block_count", 0, LIMIT_LAYERS, &h->n_dense, e) ||
        !hparams_bool(g, h, "expert_weights_norm", &h->expert_norm, e) ||
        !hparams_u32(g, h, "expert_gating_func", 0, UINT32_MAX, &gating, e))
        return false;
    if (gating > EXPERTS_SOFTMAX_CHOSEN)
        return fail(e, ERR_UNSUPPORTED, "%s.expert_gating_func %u is not supported (1 to 3 are)",
                    h->arch->name, gating);
    if (gating)
        h->expert_gating = (enum expert_gating)gating;
    return true;
}

bool hparams_shared_experts(struct hparams *h, const struct gguf *g, struct err *e)
{
    uint32_t shared = 0;
    if (!hparams_u32(g, h, "expert_feed_forward_length", 0, LIMIT_WIDTH, &h->d_ff_expert, e) ||
        !hparams_u32(g, h, "expert_shared_count", 0, LIMIT_EXPERTS, &shared, e) ||
        !hparams_expert_choice(h, g, e))
        return false;
    if ((uint64_t)shared * h->d_ff_expert > LIMIT_WIDTH)
        return fail(e, ERR_CORRUPT, "%u shared experts of %u are wider than %u", shared,
                    h->d_ff_expert, LIMIT_WIDTH);
    h->d_ff_shared = shared * h->d_ff_expert;
    if (h->n_expert == 0 && h->n_dense < h->n_layer)
        return fail(e, ERR_CORRUPT, "the model has no %s.expert_count", h->arch->name);
    return true;
}
