/* SPDX-License-Identifier: Apache-2.0 */
/* run/approval: see approval.h. */
#include "run/approval.h"

json_t *approval_json(const struct gguf_approval *a)
{
    char hex[2 * HASH_BYTES + 1];
    if (!a || !a->policy)
        return NULL;
    hash_hex(&a->sha256, hex);
    return json_pack("{ss sI}", "sha256", hex, "policy", (json_int_t)a->policy);
}
