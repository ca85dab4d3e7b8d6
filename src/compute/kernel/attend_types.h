/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kernel/attend_types: attention over every type of cache in the words of vec_<isa>.h. */
#ifndef MOAT_COMPUTE_KERNEL_ATTEND_TYPES_H
#define MOAT_COMPUTE_KERNEL_ATTEND_TYPES_H

#include "compute/kernel/attend.h"

#define STEPS_OF(type, name)                                                                       \
    INLINE void score_##name(const struct attend_run *r, const struct tile *t, struct weights *w,  \
                             uint32_t Q)                                                           \
    {                                                                                              \
        score_any(type, r, t, w, Q);                                                               \
    }                                                                                              \
    INLINE void add_##name(const struct attend_run *r, const struct tile *t, struct weights *w,    \
                           uint32_t Q)                                                             \
    {                                                                                              \
        add_any(type, r, t, w, Q);                                                                 \
    }

STEPS_OF(KV_F32, f32)
STEPS_OF(KV_F16, f16)
STEPS_OF(KV_BF16, bf16)
STEPS_OF(KV_Q8, q8)

#define ATTEND_STEPS(name)                                                                         \
    &(const struct attend_steps)                                                                   \
    {                                                                                              \
        score_##name, add_##name, NULL, NULL, NULL                                                 \
    }

static void attend_any(const struct attend_run *r, struct attend_query *q, uint32_t n,
                       float *scratch)
{
    switch (r->type) {
    case KV_F16:
        attend_with(ATTEND_STEPS(f16), r, q, n, scratch);
        break;
    case KV_BF16:
        attend_with(ATTEND_STEPS(bf16), r, q, n, scratch);
        break;
    case KV_Q8:
        attend_with(ATTEND_STEPS(q8), r, q, n, scratch);
        break;
    default:
        attend_with(ATTEND_STEPS(f32), r, q, n, scratch);
    }
}

#endif
