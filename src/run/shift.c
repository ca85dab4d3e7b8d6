/* SPDX-License-Identifier: Apache-2.0 */
/* run/shift: see shift.h. */
#include "run/shift.h"

#include <string.h>

bool shift_init(struct shift *s, uint32_t n_ctx, uint32_t keep, struct err *e)
{
    if (n_ctx < 4 || keep > n_ctx - 4)
        return fail(e, ERR_USAGE,
                    "--keep %u leaves too little of a context of %u tokens for --context-shift",
                    keep, n_ctx);
    *s = (struct shift){.n_ctx = n_ctx, .keep = keep, .step = (n_ctx - keep) / 2};
    return true;
}

uint32_t shift_drop(const struct shift *s, uint32_t *token, uint32_t n)
{
    if (n < s->n_ctx)
        return 0;
    /* below n - keep: n - n_ctx + step < n - keep, as 2 step <= n_ctx - keep */
    uint32_t over = n - s->n_ctx + 1, gone = (over + s->step - 1) / s->step * s->step;
    memmove(token + s->keep, token + s->keep + gone, (n - s->keep - gone) * sizeof *token);
    return gone;
}
