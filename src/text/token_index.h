/* SPDX-License-Identifier: Apache-2.0 */
/* text/token_index: the bytes of a token -> its id.
 *
 * Like base/map, but eight bytes a slot instead of 24: a vocabulary's index stays in the second
 * level cache, which is most of what a lookup costs. The keys lie where the vocabulary keeps them
 * anyway and are found by id. The hash is keyed with the process's random seed. */
#ifndef MOAT_TEXT_TOKEN_INDEX_H
#define MOAT_TEXT_TOKEN_INDEX_H

#include <string.h>

#include "base/err.h"
#include "base/str.h"

struct token_slot {
    uint32_t tag;     /* the hash's upper half */
    uint32_t id_next; /* id + 1; 0: free */
};

struct token_index {
    struct token_slot *slots;
    size_t mask; /* slots - 1 */
    uint64_t seed[2];
    /* The key of id: bytes [at[id], at[id + 1]) of `bytes`, or texts[id] where `bytes` is NULL. */
    const char *bytes;
    const uint32_t *at;
    const struct str *texts;
};

/* Room for n tokens. */
bool token_index_init(struct token_index *x, size_t n, struct err *e) MUST_USE;
void token_index_clear(struct token_index *x);
void token_index_put(struct token_index *x, uint32_t id); /* its key replaces an equal one */

static inline uint64_t token_word(const char *p, size_t n)
{
    uint64_t w = 0;
    uint32_t low, high;
    if (n >= 8) {
        memcpy(&w, p, 8);
    } else if (n >= 4) {
        memcpy(&low, p, 4);
        memcpy(&high, p + n - 4, 4);
        w = (uint64_t)high << 32 | low;
    } else if (n) {
        w = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 |
            (unsigned char)p[n - 1];
    }
    return w;
}

static inline uint64_t token_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t token_hash(const uint64_t seed[2], struct str s)
{
    uint64_t h = seed[0] ^ s.n;
    for (; s.n > 16; s = (struct str){s.p + 16, s.n - 16})
        h = token_fold(token_word(s.p, 8) ^ h, token_word(s.p + 8, 8) ^ seed[1]);
    uint64_t last = s.n > 8 ? token_word(s.p + s.n - 8, 8) : 0;
    return token_fold(token_word(s.p, s.n) ^ h, last ^ seed[1]);
}

static inline struct str token_key(const struct token_index *x, uint32_t id)
{
    return x->bytes ? (struct str){x->bytes + x->at[id], x->at[id + 1] - x->at[id]} : x->texts[id];
}

static inline bool token_index_get(const struct token_index *x, struct str key, uint32_t *id)
{
    uint64_t h = token_hash(x->seed, key);
    size_t at = h & x->mask;
    for (; x->slots[at].id_next; at = (at + 1) & x->mask) {
        if (x->slots[at].tag != (uint32_t)(h >> 32))
            continue;
        struct str k = token_key(x, x->slots[at].id_next - 1);
        if (k.n == key.n && memcmp(k.p, key.p, k.n) == 0) {
            *id = x->slots[at].id_next - 1;
            return true;
        }
    }
    return false;
}

#endif
