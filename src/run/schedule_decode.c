/* SPDX-License-Identifier: Apache-2.0 */
/* run/schedule_decode: the next tokens of the answers in the making. The body of `decode_pass` is
 * their journey: one named call a step.
 *
 * DECODE_TOKENS rows share a pass: up to so many, a row has the same bits however many there are.
 * Each answer has one of them for the token it goes on with; guesses at what follows
 * (run/speculate) take those that are left, in equal parts. */
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "run/logprobs.h"
#include "run/schedule_private.h"

#define TOLD_BYTES (64u << 10) /* of text told at once, at most, but for the last token's */

/* --- what follows ---------------------------------------------------------------------------- */

/* Slots whose next tokens are chosen by all threads: each by one. */
struct choice {
    struct schedule *s;
    struct slot **slot; /* [n] */
    const float *logits;
    uint32_t n, n_threads;
    struct job_error *why; /* [n] */
};

/* A token was chosen: remembers it until its text is told. */
static void note(const struct schedule *s, struct slot *slot, uint32_t id, const float *logits)
{
    const struct prepared *p = slot->p;
    buf_add(&slot->ids, &id, sizeof id);
    if (slot->guesses)
        speculation_add(slot->guesses, id);
    if (p->n_logprobs < 0)
        return;
    if (!slot->logprobs)
        slot->logprobs = json_array();
    json_array_append_new(slot->logprobs, logprobs_of(s->l->vocab, logits, s->l->model->h.n_vocab,
                                                      id, (uint32_t)p->n_logprobs));
}

/* The token behind the slot's first row and, as long as it is the one that was guessed, behind the
 * row of that. */
static void choose(const struct schedule *s, struct slot *slot, const float *logits, struct err *e)
{
    struct completion *c = &slot->p->completion;
    uint32_t n_vocab = s->l->model->h.n_vocab, row = 0;
    slot->n_sure = slot->t.n - slot->n_guessed;
    for (;; row++, slot->n_sure++) {
        const float *at = logits + (size_t)(slot->first_row + row) * n_vocab;
        slot->chosen = completion_choose(c, at, slot->n_sure, &slot->next, e);
        if (!slot->chosen)
            return;
        completion_take(c, slot->n_sure, slot->next, &slot->over);
        note(s, slot, slot->next, at);
        if (slot->over || row == slot->n_guessed || slot->next != slot->guess[row])
            break;
    }
    slot->n_right = row;
}

static void choose_some(void *arg, uint32_t thread)
{
    const struct choice *c = arg;
    for (uint32_t i = thread; i < c->n; i += c->n_threads)
        choose(c->s, c->slot[i], c->logits, &c->why[i].err);
}

/* What becomes of the tokens that were chosen: text, and perhaps the end. */
static void go_on(struct schedule *s, struct slot *slot, const struct job_error *why)
{
    const struct completion *c = &slot->p->completion;
    if (!slot->chosen) {
        slot_fail(s, slot, why);
        return;
    }
    if (slot->n_guessed)
        timeline_cut(&slot->t, slot->n_sure);
    slot->sum_guessed += slot->n_guessed;
    slot->sum_right += slot->n_right;
    if (slot->over)
        slot_finish(s, slot, c->finish);
    else if ((slot->p->stream && c->shown.n) || c->shown.n > TOLD_BYTES ||
             slot->ids.n + DECODE_TOKENS * sizeof(uint32_t) > slot->ids.max)
        slot_tell(s, slot);
}

static void go_on_all(struct schedule *s, struct slot **slot, uint32_t n, uint32_t n_rows)
{
    struct forward *f = s->l->f;
    struct job_error why[DECODE_TOKENS] = {0};
    struct choice c = {.s = s,
                       .slot = slot,
                       .logits = forward_logits(f, 0, n_rows),
                       .n = n,
                       .n_threads = f->p.n_threads,
                       .why = why};
    if (n > 1)
        workers_run(f->workers, choose_some, &c);
    else if (n == 1)
        choose(s, slot[0], c.logits, &why[0].err);
    for (uint32_t i = 0; i < n; i++)
        go_on(s, slot[i], &why[i]);
}

void decode_go_on(struct schedule *s, struct slot **slot, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        slot[i]->first_row = i;
        slot[i]->n_guessed = 0;
    }
    go_on_all(s, slot, n, n);
}

/* --- passes ---------------------------------------------------------------------------------- */

/* Guesses at what follows the slot's next token, beside the rows that the pass holds anyway. */
static uint32_t guess(struct slot *slot, uint32_t rows, uint32_t most)
{
    uint32_t left = completion_left(&slot->p->completion, slot->t.n + 1) - 1;
    if (!slot->guesses || left == 0 || most == 0)
        return 0;
    return speculation_guess(slot->guesses, rows, most < left ? most : left, slot->guess);
}

/* Rows of a slot; *rows: how many the pass holds, one for each slot that is still to come too. */
static bool add_slot(struct schedule *s, struct slot *slot, uint32_t *rows, uint32_t most)
{
    uint32_t token[DECODE_TOKENS] = {slot->next};
    slot->n_guessed = guess(slot, *rows, most);
    memcpy(token + 1, slot->guess, slot->n_guessed * sizeof *token);
    *rows += slot->n_guessed;
    return slot_add(s, slot, token, 1 + slot->n_guessed, 1 + slot->n_guessed);
}

/* Fills the batch for these slots; how many rows it has. Those it had no memory for go. */
static uint32_t add_all(struct schedule *s, struct slot **slot, uint32_t *n)
{
    uint32_t rows = *n, wanted = *n, first_row = 0, added = 0;
    batch_reset(&s->l->f->batch, false);
    for (uint32_t i = 0; i < wanted; i++) {
        uint32_t most = (DECODE_TOKENS - rows + wanted - i - 1) / (wanted - i);
        if (!add_slot(s, slot[i], &rows, most))
            continue;
        slot[i]->first_row = first_row;
        first_row += 1 + slot[i]->n_guessed;
        slot[added++] = slot[i];
    }
    *n = added;
    return first_row;
}

static void decode_pass(struct schedule *s, struct slot **slot, uint32_t n)
{
    uint32_t rows = add_all(s, slot, &n);
    if (n == 0)
        return;
    uint64_t t0 = os_now_ns();
    forward(s->l->f);
    pass_costs_note(&s->l->costs, rows, schedule_seconds(t0, os_now_ns()));
    go_on_all(s, slot, n, rows);
}

bool decode_step(struct schedule *s)
{
    uint64_t t0 = os_now_ns();
    bool worked = false;
    for (uint32_t at = 0; at < s->n_slots;) {
        struct slot *slot[DECODE_TOKENS];
        uint32_t n = 0;
        for (; at < s->n_slots && n < DECODE_TOKENS; at++)
            if (slot_decodes(&s->slots[at]))
                slot[n++] = &s->slots[at];
        if (n)
            decode_pass(s, slot, n);
        worked |= n > 0;
    }
    if (worked)
        s->sums.decode_s += schedule_seconds(t0, os_now_ns());
    return worked;
}

/* --- guessing -------------------------------------------------------------------------------- */

bool decode_begin_guessing(struct schedule *s, struct err *e)
{
    const struct slot *any = &s->slots[0];
    uint32_t n = timeline_can_cut(&any->t) ? s->l->n_parallel : 0;
    if (n && !(s->idle_guesses = mem_new(n, sizeof(struct speculation *), e)))
        return false;
    for (; s->n_idle_guesses < n; s->n_idle_guesses++)
        if (!(s->idle_guesses[s->n_idle_guesses] = loaded_speculation(s->l, s->n_idle_guesses, e)))
            return false;
    return true;
}

void slot_begin(struct schedule *s, struct slot *slot, uint64_t now)
{
    const struct prepared *p = slot->p;
    slot->state = SLOT_DECODE;
    slot->prompt_ns = now;
    slot->sum_guessed = slot->sum_right = 0;
    if (p->settings.speculation == SPECULATION_OFF || s->n_idle_guesses == 0)
        return;
    slot->guesses = s->idle_guesses[--s->n_idle_guesses];
    speculation_begin(slot->guesses, p->prompt.id, p->prompt.n);
}

void slot_end_guessing(struct schedule *s, struct slot *slot)
{
    if (slot->guesses)
        s->idle_guesses[s->n_idle_guesses++] = slot->guesses;
    slot->guesses = NULL;
}
