/* SPDX-License-Identifier: Apache-2.0 */
/* compute/kv_type: how keys and values are stored. The numbers are part of saved sequences. */
#ifndef MOAT_COMPUTE_KV_TYPE_H
#define MOAT_COMPUTE_KV_TYPE_H

enum kv_type { KV_F16, KV_F32, KV_BF16, KV_Q8, KV_TYPES };

#endif
