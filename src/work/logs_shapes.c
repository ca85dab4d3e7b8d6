/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_shapes: see logs_shapes.h. The hash is keyed once per process, so that nobody can write
 * lines that collide; no result depends on it. */
#include "work/logs_shapes.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"

void logs_shapes_clear(struct logs_shapes *t)
{
    mem_free(t->v);
    mem_free(t->bytes);
    mem_free(t->table);
    *t = (struct logs_shapes){0};
}

void logs_shapes_reset(struct logs_shapes *t)
{
    t->n = t->n_bytes = 0;
    if (t->table)
        memset(t->table, 0, t->n_table * sizeof *t->table);
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 p = (unsigned __int128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

uint64_t logs_shapes_hash(const uint8_t *p, size_t n)
{
    static uint64_t key;
    if (!key)
        key = map_hash(STR("logs")) | 1;
    uint64_t h = key ^ n, a, b;
    for (; n >= 16; p += 16, n -= 16) {
        memcpy(&a, p, 8);
        memcpy(&b, p + 8, 8);
        h = fold(a ^ h, b ^ 0x9e3779b97f4a7c15u);
    }
    uint8_t rest[16] = {0};
    memcpy(rest, p, n);
    memcpy(&a, rest, 8);
    memcpy(&b, rest + 8, 8);
    return fold(a ^ h, b ^ 0xd6e8feb86659fd93u ^ key);
}

uint32_t logs_shapes_find(const struct logs_shapes *t, const uint8_t *p, size_t n, uint64_t hash)
{
    if (!t->n_table)
        return UINT32_MAX;
    for (size_t i = hash & (t->n_table - 1);; i = (i + 1) & (t->n_table - 1)) {
        if (!t->table[i])
            return UINT32_MAX;
        const struct logs_entry *v = &t->v[t->table[i] - 1];
        if (v->hash == hash && v->n == n && memcmp(t->bytes + v->at, p, n) == 0)
            return t->table[i] - 1;
    }
}

static bool grow_table(struct logs_shapes *t, struct err *e)
{
    size_t n = t->n_table ? 2 * t->n_table : 1024;
    uint32_t *table = mem_new(n, sizeof *table, e);
    if (!table)
        return false;
    for (size_t j = 0; j < t->n; j++) {
        size_t i = t->v[j].hash & (n - 1);
        while (table[i])
            i = (i + 1) & (n - 1);
        table[i] = (uint32_t)j + 1;
    }
    mem_free(t->table);
    t->table = table;
    t->n_table = n;
    return true;
}

/* Room for n more bytes: twice as many as before, so that each is moved twice at most. */
static bool room(struct logs_shapes *t, size_t n, struct err *e)
{
    if (t->bytes && t->cap_bytes - t->n_bytes >= n)
        return true;
    size_t cap = 2 * t->cap_bytes + n + 4096;
    uint8_t *bytes = mem_new(cap, 1, e);
    if (!bytes)
        return false;
    if (t->n_bytes)
        memcpy(bytes, t->bytes, t->n_bytes);
    mem_free(t->bytes);
    t->bytes = bytes;
    t->cap_bytes = cap;
    return true;
}

/* A new entry whose bytes are put by the caller. */
static uint8_t *new_entry(struct logs_shapes *t, struct logs_entry entry, uint32_t *id,
                          struct err *e)
{
    if (2 * (t->n + 1) > t->n_table && !grow_table(t, e))
        return NULL;
    if (!room(t, (size_t)entry.n + entry.n_slot, e) ||
        !mem_grow(&t->v, t->n, &t->cap, sizeof *t->v, e))
        return NULL;
    entry.at = t->n_bytes;
    t->n_bytes += (size_t)entry.n + entry.n_slot;
    size_t i = entry.hash & (t->n_table - 1);
    while (t->table[i])
        i = (i + 1) & (t->n_table - 1);
    *id = (uint32_t)t->n;
    t->v[t->n++] = entry;
    t->table[i] = (uint32_t)t->n;
    return t->bytes + entry.at;
}

bool logs_shapes_add(struct logs_shapes *t, const struct logs_shape *s, struct str line,
                     uint64_t line_no, uint32_t *id, struct err *e)
{
    uint64_t hash = logs_shapes_hash(s->p, s->n);
    *id = logs_shapes_find(t, s->p, s->n, hash);
    if (*id != UINT32_MAX) {
        t->v[*id].count++;
        return true;
    }
    struct logs_entry entry = {
        .hash = hash, .count = 1, .first = line_no, .n = s->n, .n_slot = s->n_slot};
    uint8_t *p = new_entry(t, entry, id, e);
    if (!p)
        return false;
    memcpy(p, s->p, s->n);
    for (uint32_t i = 0; i < s->n_slot; i++)
        p[s->n + i] = (uint8_t)logs_type_of(str_sub(line, s->slot[i].at, s->slot[i].n));
    return true;
}

uint8_t logs_type_merge(uint8_t a, uint8_t b)
{
    if (a == b)
        return a;
    bool code = (a == LOGS_NUMBER || a == LOGS_HEX || a == LOGS_ID) &&
                (b == LOGS_NUMBER || b == LOGS_HEX || b == LOGS_ID);
    return code ? LOGS_ID : LOGS_TEXT;
}

bool logs_shapes_put(struct logs_shapes *t, const uint8_t *p, const uint8_t *types,
                     struct logs_entry entry, uint32_t *id, struct err *e)
{
    *id = logs_shapes_find(t, p, entry.n, entry.hash);
    if (*id != UINT32_MAX) {
        struct logs_entry *v = &t->v[*id];
        v->count += entry.count;
        v->first = entry.first < v->first ? entry.first : v->first;
        uint8_t *own = t->bytes + v->at + v->n;
        for (uint32_t i = 0; i < v->n_slot; i++)
            own[i] = logs_type_merge(own[i], types[i]);
        return true;
    }
    uint8_t *to = new_entry(t, entry, id, e);
    if (!to)
        return false;
    memcpy(to, p, entry.n);
    memcpy(to + entry.n, types, entry.n_slot);
    return true;
}
