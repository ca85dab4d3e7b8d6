/* SPDX-License-Identifier: Apache-2.0 */
/* text/token_mask: see token_mask.h. */
#include "text/token_mask.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "text/mask_private.h"

struct token_mask *token_mask_new(struct mask_set *set, struct err *e)
{
    struct token_mask *m = mem_new(1, sizeof *m, e);
    if (!m)
        return NULL;
    *m = (struct token_mask){.bits = mem_new(set->n_word, sizeof *m->bits, e)};
    if (!m->bits) {
        mem_free(m);
        return NULL;
    }
    pthread_mutex_lock(&set->lock);
    m->set = set;
    m->next = set->follower;
    set->follower = m;
    m->state = automaton_start(set->a);
    pthread_mutex_unlock(&set->lock);
    return m;
}

void token_mask_free(struct token_mask *m)
{
    if (!m)
        return;
    pthread_mutex_lock(&m->set->lock);
    struct token_mask **at = &m->set->follower;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    pthread_mutex_unlock(&m->set->lock); /* from here the set may be gone */
    mem_free(m->bits);
    mem_free(m);
}

void token_mask_restart(struct token_mask *m)
{
    pthread_mutex_lock(&m->set->lock);
    m->state = automaton_start(m->set->a);
    pthread_mutex_unlock(&m->set->lock);
}

bool token_mask_complete(const struct token_mask *m)
{
    pthread_mutex_lock(&m->set->lock);
    bool complete = automaton_accepts(m->set->a, m->state);
    pthread_mutex_unlock(&m->set->lock);
    return complete;
}

bool token_mask_over(const struct token_mask *m)
{
    pthread_mutex_lock(&m->set->lock);
    bool over = automaton_accepts(m->set->a, m->state) && !automaton_goes_on(m->set->a, m->state);
    pthread_mutex_unlock(&m->set->lock);
    return over;
}

static bool is_full(const struct mask_set *m)
{
    return automaton_bytes(m->a) + m->n_facts * sizeof *m->facts > LIMIT_GRAMMAR_CACHE;
}

/* Forgets all states but those at which an answer stands, and with them all masks. */
static bool forget(struct mask_set *m, struct err *e)
{
    uint32_t n = 0;
    for (struct token_mask *f = m->follower; f; f = f->next)
        n++;
    uint32_t *state = mem_new(n, sizeof *state, e);
    if (!state)
        return false;
    n = 0;
    for (struct token_mask *f = m->follower; f; f = f->next)
        state[n++] = f->state;
    bool ok = automaton_trim(m->a, state, n, e);
    n = 0;
    for (struct token_mask *f = m->follower; ok && f; f = f->next)
        f->state = state[n++];
    mem_free(state);
    if (!ok)
        return false;
    mem_free(m->facts);
    m->facts = NULL;
    m->n_facts = 0;
    memset(m->slot, 0, m->n_slot * sizeof *m->slot);
    for (uint32_t i = 0; i < MASK_PARTS; i++)
        m->part[i].state = 0;
    return true;
}

/* The slot of a state's mask, which is made if it is not there. */
static bool find_slot(struct mask_set *m, uint32_t state, uint32_t *slot, struct err *e)
{
    struct state_facts *f;
    if (!mask_facts_at(m, state, &f, e))
        return false;
    if (f->slot) {
        *slot = f->slot - 1;
        return true;
    }
    *slot = m->next_slot % m->n_slot;
    struct mask_slot *s = &m->slot[*slot];
    m->next_slot = m->next_slot + 1 == 2 * m->n_slot ? m->n_slot : m->next_slot + 1;
    if (s->state)
        m->facts[s->state - 1].slot = 0;
    s->state = 0;
    if (!mask_walk(m, state, UINT32_MAX, m->bits + (size_t)*slot * m->n_word, &s->reach, e))
        return false;
    s->state = state + 1;
    m->facts[state].slot = *slot + 1;
    return true;
}

/* The state whose mask is this one's. */
static bool blur(struct mask_set *m, uint32_t *state, struct err *e)
{
    struct state_facts *f;
    uint32_t blurred;
    if (!mask_facts_at(m, *state, &f, e))
        return false;
    if (!f->blurred) {
        if (!automaton_blur(m->a, *state, m->t->depth, &blurred, e) ||
            !mask_facts_at(m, *state, &f, e))
            return false;
        f->blurred = blurred + 1;
    }
    *state = f->blurred - 1;
    return true;
}

static bool any(const uint32_t *bits, uint32_t n_word)
{
    for (uint32_t i = 0; i < n_word; i++)
        if (bits[i])
            return true;
    return false;
}

static bool find_bits(struct token_mask *follower, uint32_t tokens_left, struct err *e)
{
    struct mask_set *m = follower->set;
    if (is_full(m) && !forget(m, e))
        return false;
    uint32_t state = follower->state, slot, reach, most = tokens_left ? tokens_left - 1 : 0;
    if (!blur(m, &state, e) || !find_slot(m, state, &slot, e))
        return false;
    const uint32_t *bits = m->bits + (size_t)slot * m->n_word;
    uint64_t hidden = automaton_left(m->a, follower->state) - automaton_left(m->a, state);
    bool far = m->slot[slot].reach + hidden <= most;
    if (!far && !mask_walk(m, follower->state, most, follower->bits, &reach, e))
        return false;
    if (far || !any(follower->bits, m->n_word)) /* a limit not to be kept: better cut than broken */
        memcpy(follower->bits, bits, m->n_word * sizeof *bits);
    return true;
}

bool token_mask_get(struct token_mask *m, uint32_t tokens_left, const uint32_t **bits,
                    struct err *e)
{
    pthread_mutex_lock(&m->set->lock);
    bool ok = find_bits(m, tokens_left, e);
    pthread_mutex_unlock(&m->set->lock);
    *bits = m->bits;
    return ok;
}

bool token_mask_accept(struct token_mask *m, uint32_t id, struct err *e)
{
    uint32_t to;
    struct mask_set *set = m->set;
    pthread_mutex_lock(&set->lock);
    bool ok = automaton_token(set->a, m->state, id, vocab_view(set->v, id, false), &to, e);
    if (ok && to != AUTOMATON_DEAD)
        m->state = to;
    pthread_mutex_unlock(&set->lock);
    if (ok && to == AUTOMATON_DEAD)
        return fail(e, ERR_INTERNAL, "token %u does not fit the grammar", id);
    return ok;
}
