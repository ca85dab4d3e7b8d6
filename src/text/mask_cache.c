/* SPDX-License-Identifier: Apache-2.0 */
/* text/mask_cache: see mask_cache.h. */
#include "text/mask_cache.h"

#include <pthread.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"

#define MOST_IDLE 64u

struct cached {
    struct hash digest; /* of the grammar and its owner */
    struct mask_set *set;
    uint64_t used; /* when: a count of begun answers */
};

struct mask_cache {
    pthread_mutex_t lock; /* over what follows n_bits */
    const struct vocab *v;
    struct token_tree *tree;
    struct mask_plain json; /* of the tree: made before the first answer is waited for */
    uint32_t n_bits;
    struct cached *at; /* [n] */
    size_t n, cap;
    uint64_t begun;
};

uint64_t mask_cache_most_bytes(uint32_t n_bits, uint32_t n_answers)
{
    return mask_set_most_bytes(n_bits) * n_answers + LIMIT_MASKS_IDLE;
}

struct mask_cache *mask_cache_new(const struct vocab *v, uint32_t n_bits, struct err *e)
{
    struct mask_cache *c = mem_new(1, sizeof *c, e);
    if (!c)
        return NULL;
    *c = (struct mask_cache){.v = v, .n_bits = n_bits, .tree = token_tree_new(v, e)};
    pthread_mutex_init(&c->lock, NULL);
    if (c->tree && mask_plain_json(&c->json, c->tree, (n_bits + 31) / 32, e))
        return c;
    mask_cache_free(c);
    return NULL;
}

void mask_cache_free(struct mask_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        mask_set_free(c->at[i].set);
    mem_free(c->at);
    mask_plain_clear(&c->json);
    token_tree_free(c->tree);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

uint64_t mask_cache_bytes(struct mask_cache *c)
{
    uint64_t sum = 0;
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->n; i++)
        sum += mask_set_bytes(c->at[i].set);
    pthread_mutex_unlock(&c->lock);
    return sum;
}

/* Lets go of idle sets, the one used longest ago first, until the others are small enough. */
static void drop_idle(struct mask_cache *c)
{
    for (;;) {
        uint64_t bytes = 0;
        size_t oldest = SIZE_MAX, n = 0;
        for (size_t i = 0; i < c->n; i++) {
            if (!mask_set_idle(c->at[i].set))
                continue;
            bytes += mask_set_bytes(c->at[i].set);
            n++;
            if (oldest == SIZE_MAX || c->at[i].used < c->at[oldest].used)
                oldest = i;
        }
        if (bytes <= LIMIT_MASKS_IDLE && n < MOST_IDLE)
            return;
        mask_set_free(c->at[oldest].set);
        c->at[oldest] = c->at[--c->n];
    }
}

static struct cached *find(struct mask_cache *c, const struct hash *digest)
{
    for (size_t i = 0; i < c->n; i++)
        if (hash_eq(&c->at[i].digest, digest))
            return &c->at[i];
    return NULL;
}

static struct cached *add(struct mask_cache *c, const struct hash *digest, const struct grammar *g,
                          struct err *e)
{
    drop_idle(c);
    if (!mem_grow(&c->at, c->n, &c->cap, sizeof *c->at, e))
        return NULL;
    struct mask_set *set = mask_set_new(g, c->v, c->tree, &c->json, c->n_bits, e);
    if (!set)
        return NULL;
    c->at[c->n] = (struct cached){*digest, set, 0};
    return &c->at[c->n++];
}

struct token_mask *mask_cache_begin(struct mask_cache *c, const struct grammar *g, struct str owner,
                                    struct err *e)
{
    struct hash grammar, digest;
    struct token_mask *m = NULL;
    if (!grammar_digest(g, &grammar, e))
        return NULL;
    const struct str parts[] = {{(const char *)grammar.b, sizeof grammar.b}, owner};
    if (!hash_of(parts, 2, &digest, e))
        return NULL;
    pthread_mutex_lock(&c->lock);
    struct cached *at = find(c, &digest);
    if (at || (at = add(c, &digest, g, e))) {
        at->used = ++c->begun;
        m = token_mask_new(at->set, e);
    }
    pthread_mutex_unlock(&c->lock);
    return m;
}
