/* SPDX-License-Identifier: Apache-2.0 */
/* text/mask_set: see mask_set.h: its life. */
#include "text/mask_set.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "text/mask_private.h"

#define FIRST_MASKS 32u /* whose memory is there before an answer waits for it */

static uint32_t slots_for(uint32_t n_word)
{
    uint64_t n = LIMIT_MASK_CACHE / ((uint64_t)n_word * sizeof(uint32_t));
    return n < 4 ? 4 : n > 4096 ? 4096 : (uint32_t)n;
}

uint64_t mask_set_most_bytes(uint32_t n_bits)
{
    uint32_t n_word = (n_bits + 31) / 32;
    uint64_t tree = (uint64_t)n_bits * 2 * (sizeof(struct token_node));
    uint64_t rows = slots_for(n_word) + MASK_PARTS * 3 / 2 + MASK_PLAIN * MASK_PLAIN_ROWS;
    uint64_t masks = rows * n_word * sizeof(uint32_t);
    return 2ull * LIMIT_GRAMMAR_CACHE + masks + tree; /* arrays grow by doubling */
}

static uint64_t part_bytes(const struct mask_part *p, uint32_t n_word)
{
    return (p->bits ? n_word * sizeof *p->bits : 0) + p->cap * sizeof *p->leaving;
}

static uint64_t bytes_of(const struct mask_set *m)
{
    uint32_t made = m->next_slot < m->n_slot ? m->next_slot : m->n_slot;
    uint64_t sum = sizeof *m + m->n_facts * sizeof *m->facts + m->n_slot * sizeof *m->slot +
                   (uint64_t)made * m->n_word * sizeof *m->bits + automaton_bytes(m->a);
    for (uint32_t i = 0; i < MASK_PARTS; i++)
        sum += part_bytes(&m->part[i], m->n_word);
    for (uint32_t i = 0; i < m->n_plain; i++)
        sum += mask_plain_bytes(&m->plain[i], m->n_word);
    return sum + part_bytes(&m->rest[0], m->n_word) + part_bytes(&m->rest[1], m->n_word);
}

uint64_t mask_set_bytes(struct mask_set *m)
{
    pthread_mutex_lock(&m->lock);
    uint64_t bytes = bytes_of(m);
    pthread_mutex_unlock(&m->lock);
    return bytes;
}

bool mask_set_idle(struct mask_set *m)
{
    pthread_mutex_lock(&m->lock);
    bool idle = m->follower == NULL;
    pthread_mutex_unlock(&m->lock);
    return idle;
}

struct mask_set *mask_set_new(const struct grammar *g, const struct vocab *v,
                              const struct token_tree *t, const struct mask_plain *json,
                              uint32_t n_bits, struct err *e)
{
    struct mask_set *m = mem_new(1, sizeof *m, e);
    if (!m)
        return NULL;
    must(n_bits >= v->n_tokens);
    *m = (struct mask_set){
        .v = v, .t = t, .json = json, .n_bits = n_bits, .n_word = (n_bits + 31) / 32};
    pthread_mutex_init(&m->lock, NULL);
    m->g = grammar_hold(g);
    m->n_slot = slots_for(m->n_word);
    m->a = automaton_new(g, e);
    m->path = mem_new((size_t)t->depth + 1, sizeof *m->path, e);
    m->chain = mem_new((size_t)t->depth + 1, sizeof *m->chain, e);
    m->slot = mem_new(m->n_slot, sizeof *m->slot, e);
    m->bits = mem_new_lazy((size_t)m->n_slot * m->n_word, sizeof *m->bits, e);
    if (m->a && m->path && m->chain && m->slot && m->bits) {
        uint32_t first = m->n_slot < FIRST_MASKS ? m->n_slot : FIRST_MASKS;
        os_touch(m->bits, (uint64_t)first * m->n_word * sizeof *m->bits);
        return m;
    }
    mask_set_free(m);
    return NULL;
}

void mask_set_free(struct mask_set *m)
{
    if (!m)
        return;
    must(mask_set_idle(m));
    automaton_free(m->a);
    if (m->bits)
        mem_free_lazy(m->bits, (size_t)m->n_slot * m->n_word, sizeof *m->bits);
    for (uint32_t i = 0; i < MASK_PARTS; i++) {
        mem_free(m->part[i].bits);
        mem_free(m->part[i].leaving);
    }
    mem_free(m->rest[0].leaving);
    mem_free(m->rest[1].leaving);
    mem_free(m->facts);
    mem_free(m->path);
    mem_free(m->chain);
    for (uint32_t i = 0; i < m->n_plain; i++)
        mask_plain_clear(&m->plain[i]);
    mem_free(m->slot);
    grammar_free(m->g);
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
}
