/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/auth: see auth.h. */
#include "fetch/auth.h"

#include <stdio.h>

static bool is_word(struct str token)
{
    for (size_t i = 0; i < token.n; i++)
        if ((unsigned char)token.p[i] <= ' ' || token.p[i] == 0x7f)
            return false;
    return token.n > 0;
}

bool fetch_auth_read(struct fetch_job *job, const struct url *u, const char *file, struct err *e)
{
    struct buf text;
    if (job->n_auth == FETCH_AUTHS)
        return fail(e, ERR_LIMIT, "more than %d tokens", FETCH_AUTHS);
    buf_init(&text, LIMIT_URL_BYTES - 1);
    bool ok = buf_read_file(&text, file, e);
    struct str token = str_trim(buf_view(&text));
    if (ok && !is_word(token))
        ok = fail(e, ERR_USAGE, "%s holds no token: one word is wanted", file);
    if (ok) {
        struct fetch_auth *a = &job->auth[job->n_auth++];
        snprintf(a->origin, sizeof a->origin, "%s", u->origin);
        snprintf(a->bearer, sizeof a->bearer, "%.*s", STR_ARG(token));
    }
    buf_clear(&text);
    return ok;
}
