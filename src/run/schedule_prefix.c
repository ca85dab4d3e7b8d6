/* SPDX-License-Identifier: Apache-2.0 */
/* run/schedule_prefix: what of a prompt is there already, in a kept or running sequence.
 *
 * Tokens are compared with tokens: there are few sequences, and a comparison of 4,000 tokens is a
 * microsecond, where a chain of hashes would have to be kept true. */
#include <string.h>

#include "run/schedule_private.h"

#define LEAST_REUSE 16u  /* less of it is not worth a sequence */
#define LEAST_LOSS  64u  /* tokens whose loss is worth a word */
#define TAIL        512u /* tokens that may be lost from a sequence taken over for good */

/* Was it computed for the same tenant, and by the same adapters? */
static bool same_owner(const struct schedule *s, const struct slot *slot, const struct prepared *p)
{
    return strcmp(slot->tenant, p->tenant) == 0 &&
           loaded_same_scales(s->l, p->adapters, slot->adapters);
}

static uint32_t same_ids(const struct tokens *a, const struct tokens *b)
{
    uint32_t n = 0;
    while (n < a->n && n < b->n && a->id[n] == b->id[n])
        n++;
    return n;
}

/* The last token is computed in any case: its logits are wanted. */
static uint32_t same_as(const struct slot *slot, const struct prepared *p)
{
    return timeline_same(&slot->t, p->prompt.id, (uint32_t)p->prompt.n - 1);
}

/* The slot from which most can be had. */
static struct slot *best_source(const struct schedule *s, const struct prepared *p, uint32_t *place)
{
    struct slot *best = NULL;
    *place = 0;
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct slot *slot = &s->slots[i];
        if (!same_owner(s, slot, p))
            continue;
        uint32_t there = kv_place(s->l->f->kv, slot->t.seq, same_as(slot, p));
        if (there >= LEAST_REUSE && there > *place) {
            best = slot;
            *place = there;
        }
    }
    return best;
}

bool prefix_is_coming(const struct schedule *s, const struct prepared *p)
{
    uint32_t place;
    (void)best_source(s, p, &place);
    if (spill_is_busy(s, p, place))
        return true;
    for (uint32_t i = 0; i < s->n_slots; i++) {
        const struct slot *slot = &s->slots[i];
        if (slot->state != SLOT_PROMPT || !same_owner(s, slot, p))
            continue;
        uint32_t same = same_ids(&slot->p->prompt, &p->prompt);
        if (same > slot->t.n && same >= place + LEAST_REUSE)
            return true;
    }
    return false;
}

/* --- room ------------------------------------------------------------------------------------ */

/* The idle slot to give up first: an empty one, or the one not used for longest. */
static struct slot *oldest(const struct schedule *s, bool empty_too, const struct slot *but)
{
    struct slot *best = NULL;
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->state != SLOT_IDLE || slot == but || (!empty_too && slot->t.n == 0))
            continue;
        bool older = !best || (slot->t.n == 0) > (best->t.n == 0) ||
                     ((slot->t.n == 0) == (best->t.n == 0) && slot->used_ns < best->used_ns);
        if (older)
            best = slot;
    }
    return best;
}

void prefix_make_room(struct schedule *s, uint32_t blocks, const struct slot *but)
{
    const struct kv *kv = s->l->f->kv;
    while (kv_blocks(kv) && kv_blocks_free(kv) < blocks) {
        struct slot *victim = oldest(s, false, but);
        if (!victim)
            return;
        timeline_forget(&victim->t);
    }
}

/* --- taking ---------------------------------------------------------------------------------- */

/* Where the prompt leaves the sequence most like it, if something is lost by that: what a client
 * would have to keep the same. */
static void say_where_it_differs(const struct schedule *s, const struct prepared *p,
                                 uint32_t *n_same, char out[64])
{
    const struct slot *like = NULL;
    struct detok d;
    struct buf text;
    *n_same = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (same_owner(s, &s->slots[i], p) && same_as(&s->slots[i], p) >= *n_same) {
            like = &s->slots[i];
            *n_same = same_as(like, p);
        }
    uint32_t left = (uint32_t)p->prompt.n - 1 - *n_same;
    if (!like || *n_same < LEAST_REUSE || left < LEAST_LOSS || like->t.n - *n_same < LEAST_LOSS)
        return;
    buf_init(&text, LIMIT_TOKEN_BYTES * 16);
    detok_init(&d, s->l->vocab, true);
    detok_continue(&d);
    for (uint32_t i = *n_same; i < *n_same + 12; i++)
        detok_push(&d, p->prompt.id[i], &text);
    size_t n = text.n < 63 ? text.n : str_utf8_floor(buf_c(&text), 63);
    memcpy(out, buf_c(&text), n);
    out[n] = '\0';
    str_make_printable(out);
    buf_clear(&text);
}

/* Another sequence, with the first `place` tokens of `from`. */
static struct slot *fork(struct schedule *s, struct slot *from, uint32_t place)
{
    struct err e;
    struct slot *slot = oldest(s, true, from);
    if (!slot)
        return NULL;
    timeline_forget(&slot->t);
    prefix_make_room(s, 1, from);
    if (place && !timeline_share(&slot->t, &from->t, place, &e))
        timeline_forget(&slot->t); /* no block is free: it is computed anew */
    return slot;
}

struct slot *prefix_take(struct schedule *s, const struct prepared *p)
{
    char differs[64];
    uint32_t place, n_same;
    struct slot *from = best_source(s, p, &place), *slot = NULL;
    say_where_it_differs(s, p, &n_same, differs);
    if (s->spill && (slot = oldest(s, true, from)) && !spill_read(s, slot, p, place))
        slot = NULL;
    if (!slot && from && (from->state != SLOT_IDLE || from->t.n - place > TAIL))
        slot = fork(s, from, place);
    if (!slot && from && from->state == SLOT_IDLE)
        slot = from;
    if (!slot)
        slot = fork(s, NULL, 0);
    must(slot); /* fewer run than there are slots */
    slot->n_same = n_same;
    memcpy(slot->differs, differs, sizeof differs);
    memcpy(slot->tenant, p->tenant, sizeof slot->tenant);
    memcpy(slot->adapters, p->adapters, sizeof slot->adapters);
    forward_adapt(s->l->f, slot->t.seq, slot->adapters);
    return slot;
}
