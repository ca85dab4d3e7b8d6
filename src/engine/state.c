/* SPDX-License-Identifier: Apache-2.0 */
/* engine/state: see state.h.
 *
 * (I1) The places of a sequence's copies ascend and none is beyond its length. */
#include "engine/state.h"

#include <string.h>

#include "base/mem.h"

#define DECODE_STEP 256u /* tokens between copies while writing */

struct sequence {
    uint32_t n_copies, place[STATE_COPIES], slot[STATE_COPIES]; /* oldest first */
    bool prompt; /* the last pass read a prompt: its end is where the next turn begins */
};

struct states {
    float *data;     /* [n_seq][1 + STATE_COPIES][values] */
    uint64_t values; /* of all recurrent layers */
    uint64_t layer_values;
    uint32_t n_seq;
    struct sequence *sequence; /* [n_seq] */
};

static uint64_t count(const struct model *m)
{
    return m->n_kv_slots[KV_SLOTS_STATE] * m->h.d_state;
}

uint64_t states_bytes(const struct model *m, uint32_t n_seq)
{
    return count(m) * n_seq * (1 + STATE_COPIES) * sizeof(float);
}

struct states *states_new(const struct model *m, uint32_t n_seq, struct err *e)
{
    struct states *s = mem_new(1, sizeof *s, e);
    if (!s)
        return NULL;
    s->values = count(m);
    s->layer_values = m->h.d_state;
    s->n_seq = n_seq;
    s->sequence = mem_new(n_seq, sizeof *s->sequence, e);
    s->data = s->sequence ? mem_new_lazy(n_seq, (1 + STATE_COPIES) * s->values * sizeof *s->data, e)
                          : NULL;
    if (!s->data) {
        states_free(s);
        return NULL;
    }
    for (uint32_t i = 0; i < n_seq; i++)
        states_forget(s, i);
    return s;
}

void states_free(struct states *s)
{
    if (!s)
        return;
    mem_free_lazy(s->data, s->n_seq, (1 + STATE_COPIES) * s->values * sizeof *s->data);
    mem_free(s->sequence);
    mem_free(s);
}

/* Slot 0 is the state itself. */
static float *slot_of(const struct states *s, uint32_t seq, uint32_t slot)
{
    return s->data + ((uint64_t)seq * (1 + STATE_COPIES) + slot) * s->values;
}

float *states_of(const struct states *s, const struct layer *l, uint32_t seq)
{
    return slot_of(s, seq, 0) + l->state_slot * s->layer_values;
}

float *states_all(const struct states *s, uint32_t seq, uint64_t *n)
{
    *n = s->values;
    return slot_of(s, seq, 0);
}

void states_forget(struct states *s, uint32_t seq)
{
    struct sequence *q = &s->sequence[seq];
    q->n_copies = 0;
    q->prompt = false;
    for (uint32_t i = 0; i < STATE_COPIES; i++)
        q->slot[i] = 1 + i;
}

/* Drops copy i, whose slot becomes that of the next copy made. */
static void drop(struct sequence *q, uint32_t i)
{
    uint32_t slot = q->slot[i];
    for (; i + 1 < q->n_copies; i++) {
        q->place[i] = q->place[i + 1];
        q->slot[i] = q->slot[i + 1];
    }
    q->n_copies--;
    q->slot[q->n_copies] = slot;
}

/* The copy whose loss costs least: the gap it leaves, relative to how long ago that was. */
static uint32_t least_wanted(const struct sequence *q, uint32_t now)
{
    uint32_t best = 0;
    double least = 2;
    for (uint32_t i = 0; i < q->n_copies; i++) {
        uint32_t before = i ? q->place[i - 1] : 0;
        uint32_t after = i + 1 < q->n_copies ? q->place[i + 1] : now;
        double cost = (double)(after - before) / (double)(now - before);
        if (cost < least) {
            least = cost;
            best = i;
        }
    }
    return best;
}

static bool is_due(const struct sequence *q, uint32_t from, uint32_t n)
{
    uint32_t last = q->n_copies ? q->place[q->n_copies - 1] : 0;
    return from > last && (n > PROMPT_TOKENS || q->prompt || from - last >= DECODE_STEP);
}

void states_begin(struct states *s, uint32_t seq, uint32_t from, uint32_t n)
{
    struct sequence *q = &s->sequence[seq];
    if (from == 0) {
        states_forget(s, seq);
        memset(slot_of(s, seq, 0), 0, s->values * sizeof(float));
    } else if (is_due(q, from, n)) {
        if (q->n_copies == STATE_COPIES)
            drop(q, least_wanted(q, from));
        q->place[q->n_copies] = from;
        memcpy(slot_of(s, seq, q->slot[q->n_copies++]), slot_of(s, seq, 0),
               s->values * sizeof(float));
    }
    q->prompt = n > PROMPT_TOKENS;
}

uint32_t states_place(const struct states *s, uint32_t seq, uint32_t length, uint32_t n)
{
    const struct sequence *q = &s->sequence[seq];
    if (n >= length)
        return length;
    for (uint32_t i = q->n_copies; i-- > 0;)
        if (q->place[i] <= n)
            return q->place[i];
    return 0;
}

void states_return(struct states *s, uint32_t seq, uint32_t length, uint32_t n)
{
    struct sequence *q = &s->sequence[seq];
    while (q->n_copies && q->place[q->n_copies - 1] > n)
        drop(q, q->n_copies - 1);
    if (n == length || n == 0) /* a start from zeros is made by states_begin */
        return;
    must(q->n_copies && q->place[q->n_copies - 1] == n);
    memcpy(slot_of(s, seq, 0), slot_of(s, seq, q->slot[q->n_copies - 1]),
           s->values * sizeof(float));
}

void states_share(struct states *s, uint32_t to, uint32_t from, uint32_t length, uint32_t n)
{
    const struct sequence *q = &s->sequence[from];
    uint32_t slot = 0;
    for (uint32_t i = 0; n < length && i < q->n_copies; i++)
        if (q->place[i] == n)
            slot = q->slot[i];
    must(slot || n == length || n == 0);
    states_forget(s, to);
    memcpy(slot_of(s, to, 0), slot_of(s, from, slot), s->values * sizeof(float));
}
