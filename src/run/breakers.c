/* SPDX-License-Identifier: Apache-2.0 */
/* run/breakers: see breakers.h. */
#include "run/breakers.h"

#include "base/limits.h"
#include "base/mem.h"

static bool contains_any(struct str text, const struct settings_strings *list)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (str_find(text, str_of(list->v[i])) != SIZE_MAX)
            return true;
    return false;
}

bool breakers_find(struct breakers *b, const struct vocab *v, const struct settings *s,
                   struct err *e)
{
    struct buf piece;
    bool ok = true;
    buf_init(&piece, LIMIT_TOKEN_BYTES);
    for (uint32_t id = 0; ok && id < v->n_tokens; id++) {
        buf_reset(&piece);
        vocab_piece(v, id, true, &piece);
        if (!contains_any(buf_view(&piece), &s->dry_sequence_breakers))
            continue;
        ok = mem_grow(&b->id, b->n, &b->cap, sizeof *b->id, e);
        if (ok)
            b->id[b->n++] = id;
    }
    buf_clear(&piece);
    return ok;
}

void breakers_clear(struct breakers *b)
{
    mem_free(b->id);
    *b = (struct breakers){0};
}
