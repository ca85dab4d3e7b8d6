/* SPDX-License-Identifier: Apache-2.0 */
/* cli/lab_opts: see lab_opts.h. */
#include "cli/lab_opts.h"

#include "compute/kv_block.h"

static bool take_precision(enum precision *out, enum precision wanted, struct err *e)
{
    if (*out != PRECISION_NORMAL && *out != wanted)
        return fail(e, ERR_USAGE, "--exact and --fast exclude each other; give one of them");
    *out = wanted;
    return true;
}

bool take_exact(void *precision, struct str none, struct err *e)
{
    (void)none;
    return take_precision(precision, PRECISION_EXACT, e);
}

bool take_fast(void *precision, struct str none, struct err *e)
{
    (void)none;
    return take_precision(precision, PRECISION_FAST, e);
}

bool parse_kv_type(void *kv_type, struct str value, struct err *e)
{
    enum kv_type *out = kv_type;
    for (enum kv_type t = 0; t < KV_TYPES; t++)
        if (str_is(value, kv_type_name(t))) {
            *out = t;
            return true;
        }
    return fail(e, ERR_USAGE, "--kv takes f16, bf16, q8 or f32, not \"%.*s\"", STR_ARG(value));
}
