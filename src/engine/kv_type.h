/* SPDX-License-Identifier: Apache-2.0 */
/* engine/kv_type: how keys and values are stored. */
#ifndef MOAT_ENGINE_KV_TYPE_H
#define MOAT_ENGINE_KV_TYPE_H

enum kv_type { KV_F16, KV_F32 };

#endif
