/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/pieces: see pieces.h. */
#include "fetch/pieces.h"

#include "base/limits.h"
#include "base/mem.h"

uint64_t pieces_of(uint64_t size)
{
    return size / HASH_LEAF_BYTES + (size % HASH_LEAF_BYTES != 0);
}

bool pieces_init(struct pieces *p, uint64_t size, struct err *e)
{
    *p = (struct pieces){.size = size, .n = pieces_of(size)};
    if (size == 0)
        return fail(e, ERR_CORRUPT, "the file is empty");
    if (size > LIMIT_PULL_BYTES)
        return fail(e, ERR_LIMIT, "the file is said to have %llu bytes, more than moat takes",
                    (unsigned long long)size);
    p->state = mem_new(p->n, 1, e);
    p->from = p->state ? mem_new(p->n, 1, e) : NULL;
    if (p->from)
        return true;
    pieces_clear(p);
    return false;
}

void pieces_clear(struct pieces *p)
{
    mem_free(p->state);
    mem_free(p->from);
    *p = (struct pieces){0};
}

uint64_t pieces_bytes(const struct pieces *p, uint64_t at)
{
    uint64_t left = p->size - at * HASH_LEAF_BYTES;
    return left < HASH_LEAF_BYTES ? left : HASH_LEAF_BYTES;
}

uint64_t pieces_done_bytes(const struct pieces *p)
{
    if (p->n_done == 0)
        return 0;
    uint64_t bytes = p->n_done * HASH_LEAF_BYTES;
    if (p->state[p->n - 1] == PIECE_DONE)
        bytes -= HASH_LEAF_BYTES - pieces_bytes(p, p->n - 1);
    return bytes;
}

bool pieces_all_done(const struct pieces *p)
{
    return p->n && p->n_done == p->n;
}

uint64_t pieces_waiting(const struct pieces *p)
{
    uint64_t n = 0;
    for (uint64_t i = p->hint; i < p->n; i++)
        n += p->state[i] == 0;
    return n;
}

bool pieces_take(struct pieces *p, uint64_t most, struct run *out)
{
    while (p->hint < p->n && p->state[p->hint] != 0)
        p->hint++;
    *out = (struct run){p->hint, p->hint};
    while (out->end < p->n && out->end - out->first < most && p->state[out->end] == 0)
        out->end++;
    pieces_join(p, *out);
    return out->end > out->first;
}

void pieces_join(struct pieces *p, struct run r)
{
    for (uint64_t i = r.first; i < r.end; i++)
        if (p->state[i] < PIECE_DONE - 1)
            p->state[i]++;
}

void pieces_leave(struct pieces *p, struct run r)
{
    for (uint64_t i = r.first; i < r.end; i++)
        if (p->state[i] != PIECE_DONE && p->state[i] > 0 && --p->state[i] == 0 && i < p->hint)
            p->hint = i;
}

void pieces_set_done(struct pieces *p, uint64_t at, uint8_t source)
{
    p->n_done += p->state[at] != PIECE_DONE;
    p->state[at] = PIECE_DONE;
    p->from[at] = source;
}

void pieces_forget(struct pieces *p, uint64_t at)
{
    if (p->state[at] != PIECE_DONE)
        return;
    p->state[at] = 0;
    p->n_done--;
    if (at < p->hint)
        p->hint = at;
}

uint64_t pieces_forget_source(struct pieces *p, uint8_t source, bool others)
{
    uint64_t n = p->n_done;
    for (uint64_t i = 0; i < p->n; i++)
        if ((p->from[i] == source) != others)
            pieces_forget(p, i);
    return n - p->n_done;
}
