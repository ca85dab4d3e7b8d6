/* SPDX-License-Identifier: Apache-2.0 */
/* text/token_index: see token_index.h. */
#include "text/token_index.h"

#include "base/map.h"
#include "base/mem.h"

bool token_index_init(struct token_index *x, size_t n, struct err *e)
{
    size_t cap = 16;
    while (cap < n + n / 2)
        cap *= 2;
    x->slots = mem_new(cap, sizeof *x->slots, e);
    x->mask = cap - 1;
    x->seed[0] = map_hash(STR("first"));
    x->seed[1] = map_hash(STR("second"));
    return x->slots;
}

void token_index_clear(struct token_index *x)
{
    mem_free(x->slots);
    x->slots = NULL;
}

void token_index_put(struct token_index *x, uint32_t id)
{
    struct str key = token_key(x, id);
    uint64_t h = token_hash(x->seed, key);
    size_t at = h & x->mask;
    while (x->slots[at].id_next && (x->slots[at].tag != (uint32_t)(h >> 32) ||
                                    !str_eq(token_key(x, x->slots[at].id_next - 1), key)))
        at = (at + 1) & x->mask;
    x->slots[at] = (struct token_slot){(uint32_t)(h >> 32), id + 1};
}
