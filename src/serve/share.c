/* SPDX-License-Identifier: Apache-2.0 */
/* serve/share: see share.h. */
#include "serve/share.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void share_clear(struct share *s)
{
    mem_free(s->v);
    *s = (struct share){0};
}

static struct share_key *find(const struct share *s, const char *key)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].id, key) == 0)
            return &s->v[i];
    return NULL;
}

uint32_t share_of(const struct share *s, const char *key)
{
    const struct share_key *k = find(s, key);
    return k ? k->n : 0;
}

bool share_take(struct share *s, const char *key, struct err *e)
{
    struct share_key *k = find(s, key);
    if (!k) {
        if (!mem_grow(&s->v, s->n, &s->cap, sizeof *s->v, e))
            return false;
        k = &s->v[s->n++];
        *k = (struct share_key){0};
        snprintf(k->id, sizeof k->id, "%s", key);
    }
    k->n++;
    return true;
}

void share_give(struct share *s, const char *key)
{
    struct share_key *k = find(s, key);
    if (k && --k->n == 0)
        *k = s->v[--s->n];
}

bool share_allows(const struct share *s, const char *key, uint32_t taken, uint32_t places)
{
    return taken < places && share_of(s, key) < (uint64_t)SHARE_PART * (places - taken);
}
