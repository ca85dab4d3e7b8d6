/* SPDX-License-Identifier: Apache-2.0 */
/* base/map: see map.h. Linear probing, at most half full. The hash is a 64-bit multiply-fold over
 * 8-byte words with a per-process random key. */
#include "base/map.h"

#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

static uint64_t hash_key(void)
{
    static uint64_t key; /* the first thread to set it wins */
    if (__atomic_load_n(&key, __ATOMIC_RELAXED) == 0) {
        uint64_t k = 0;
        if (getrandom(&k, sizeof k, 0) != (ssize_t)sizeof k)
            k = (uint64_t)(uintptr_t)&key * 0x9e3779b97f4a7c15u;
        uint64_t expected = 0;
        __atomic_compare_exchange_n(&key, &expected, k | 1, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
    }
    return __atomic_load_n(&key, __ATOMIC_RELAXED);
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

uint64_t map_hash(struct str key)
{
    uint64_t secret = hash_key();
    uint64_t h = secret ^ (key.n * 0x9e3779b97f4a7c15u);
    size_t at = 0;
    for (; at + 8 <= key.n; at += 8) {
        uint64_t w;
        memcpy(&w, key.p + at, 8);
        h = fold(h ^ w, secret ^ 0xa0761d6478bd642fu);
    }
    uint64_t w = 0;
    if (at < key.n)
        memcpy(&w, key.p + at, key.n - at);
    h = fold(h ^ w, secret ^ 0xe7037ed1a0b428dbu);
    return fold(h ^ secret, 0x9e3779b97f4a7c15u); /* one fold alone leaves short keys close */
}

/* The slot holding key, or the free slot where it belongs. */
static struct map_slot *find_slot(const struct map *m, struct str key, uint32_t hash)
{
    size_t at = hash & (m->cap - 1);
    while (m->slots[at].key.p && (m->slots[at].hash != hash || !str_eq(m->slots[at].key, key)))
        at = (at + 1) & (m->cap - 1);
    return &m->slots[at];
}

bool map_reserve(struct map *m, size_t n, struct err *e)
{
    size_t cap = m->cap ? m->cap : 16, need;
    if (!mem_mul(n, 2, &need) || need > SIZE_MAX / 2 + 1) /* no power of two beyond */
        return fail(e, ERR_LIMIT, "not enough memory for %zu items of %zu bytes", n,
                    sizeof *m->slots);
    while (cap < need)
        cap *= 2;
    if (cap == m->cap)
        return true;
    struct map old = *m;
    m->slots = mem_new(cap, sizeof *m->slots, e);
    if (!m->slots) {
        *m = old;
        return false;
    }
    m->cap = cap;
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].key.p)
            *find_slot(m, old.slots[i].key, old.slots[i].hash) = old.slots[i];
    mem_free(old.slots);
    return true;
}

bool map_put(struct map *m, struct str key, uint32_t value, struct err *e)
{
    if (!map_reserve(m, m->n + 1, e))
        return false;
    if (!key.p)
        key.p = "";
    uint32_t hash = (uint32_t)map_hash(key);
    struct map_slot *s = find_slot(m, key, hash);
    if (!s->key.p)
        m->n++;
    *s = (struct map_slot){key, hash, value};
    return true;
}

bool map_get(const struct map *m, struct str key, uint32_t *value)
{
    if (m->cap == 0)
        return false;
    const struct map_slot *s = find_slot(m, key, (uint32_t)map_hash(key));
    if (!s->key.p)
        return false;
    *value = s->value;
    return true;
}

void map_clear(struct map *m)
{
    mem_free(m->slots);
    *m = (struct map){0};
}
