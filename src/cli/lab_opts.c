/* SPDX-License-Identifier: Apache-2.0 */
/* cli/lab_opts: see lab_opts.h. */
#include "cli/lab_opts.h"

bool parse_kv_type(void *kv_type, struct str value, struct err *e)
{
    enum kv_type *out = kv_type;
    if (!str_is(value, "f16") && !str_is(value, "f32"))
        return fail(e, ERR_USAGE, "--kv takes f16 or f32, not \"%.*s\"", STR_ARG(value));
    *out = str_is(value, "f32") ? KV_F32 : KV_F16;
    return true;
}
