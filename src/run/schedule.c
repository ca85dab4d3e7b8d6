/* SPDX-License-Identifier: Apache-2.0 */
/* run/schedule: see schedule.h. */
#include "run/schedule.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/os.h"
#include "run/schedule_private.h"

#define LEAST_PIECE 16u /* tokens of a prompt read at once */
#define OVERTAKES   3u  /* passes in which short prompts go first, before one in which none does */
#define WORTH       3.0 /* of what a pass costs anyway: so long a piece is worth it */

struct schedule *schedule_new(struct loaded *l, uint32_t max_waiting,
                              const struct schedule_events *events, void *arg, struct err *e)
{
    struct schedule *s = mem_new(1, sizeof *s, e);
    if (!s)
        return NULL;
    *s = (struct schedule){.l = l,
                           .events = events,
                           .arg = arg,
                           .n_slots = l->f->p.kv.n_seq,
                           .max_waiting = max_waiting ? max_waiting : SCHEDULE_WAITING};
    prompt_pace_init(&s->pace);
    s->slots = mem_new(s->n_slots, sizeof *s->slots, e);
    bool ok = s->slots != NULL;
    for (uint32_t i = 0; ok && i < s->n_slots; i++) {
        const uint32_t none[SCHEDULE_TOLD] = {0};
        buf_init(&s->slots[i].ids, sizeof none);
        buf_add(&s->slots[i].ids, none, sizeof none); /* the room is taken now */
        buf_reset(&s->slots[i].ids);
        ok = timeline_new(&s->slots[i].t, l->f, i, e);
    }
    if (ok && decode_begin_guessing(s, e))
        return s;
    schedule_free(s);
    return NULL;
}

void schedule_free(struct schedule *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; s->slots && i < s->n_slots; i++) {
        timeline_free(&s->slots[i].t);
        prepared_free(s->slots[i].p);
        buf_clear(&s->slots[i].ids);
        json_decref(s->slots[i].logprobs);
        slot_end_guessing(s, &s->slots[i]);
    }
    while (s->n_idle_guesses)
        speculation_free(s->idle_guesses[--s->n_idle_guesses]);
    mem_free(s->idle_guesses);
    for (struct prepared *p = s->waiting, *next; p; p = next) {
        next = p->next;
        prepared_free(p);
    }
    mem_free(s->slots);
    spill_free(s->spill);
    mem_free(s);
}

/* --- telling --------------------------------------------------------------------------------- */

void slot_tell(struct schedule *s, struct slot *slot)
{
    struct buf *shown = &slot->p->completion.shown, logprobs;
    if (shown->n == 0 && slot->ids.n == 0)
        return;
    if (slot->text_ns == 0 && shown->n)
        slot->text_ns = os_now_ns();
    buf_init(&logprobs, JOB_MOST_FEW);
    if (slot->logprobs && !json_write(slot->logprobs, JSON_COMPACT, &logprobs, NULL))
        buf_reset(&logprobs);
    s->events->text(s->arg, slot->p, buf_view(shown), (const uint32_t *)(const void *)slot->ids.p,
                    (uint32_t)(slot->ids.n / sizeof(uint32_t)), buf_view(&logprobs));
    buf_clear(&logprobs);
    buf_reset(shown);
    buf_reset(&slot->ids);
    json_decref(slot->logprobs);
    slot->logprobs = NULL;
}

/* --- the end of an answer -------------------------------------------------------------------- */

/* The sequence stays, for whoever begins like it. */
static void let_go(struct schedule *s, struct slot *slot, uint64_t now)
{
    s->n_committed -= slot->n_committed;
    s->n_running--;
    spill_leave(s, slot);
    prepared_free(slot->p);
    slot->p = NULL;
    slot->state = SLOT_IDLE;
    slot->used_ns = now;
    slot_end_guessing(s, slot);
    buf_reset(&slot->ids);
    json_decref(slot->logprobs);
    slot->logprobs = NULL;
}

void slot_fail(struct schedule *s, struct slot *slot, const struct job_error *why)
{
    s->sums.n_failed++;
    s->events->failed(s->arg, slot->p, why);
    let_go(s, slot, os_now_ns());
}

void slot_finish(struct schedule *s, struct slot *slot, enum finish finish)
{
    const struct prepared *p = slot->p;
    struct completion *c = &slot->p->completion;
    c->finish = finish;
    completion_end(c);
    slot_tell(s, slot);
    uint64_t now = os_now_ns(), read = slot->prompt_ns ? slot->prompt_ns : now;
    struct job_done d = {.n_prompt = (uint32_t)p->prompt.n,
                         .n_reused = slot->n_reused,
                         .n_generated = c->n_generated,
                         .n_guessed = slot->sum_guessed,
                         .n_right = slot->sum_right,
                         .queue_s = schedule_seconds(p->arrived_ns, slot->admitted_ns),
                         .prompt_s = schedule_seconds(slot->admitted_ns, read),
                         .first_token_s = schedule_seconds(p->arrived_ns, slot->text_ns),
                         .decode_s = schedule_seconds(read, now),
                         .seed = c->seed,
                         .n_same = slot->n_same};
    snprintf(d.finish, sizeof d.finish, "%s", finish_name(finish));
    memcpy(d.stop, c->stopped, sizeof d.stop);
    memcpy(d.differs, slot->differs, sizeof d.differs);
    s->sums.n_ended++;
    s->sums.n_generated += c->n_generated;
    s->sums.n_guessed += d.n_guessed;
    s->sums.n_right += d.n_right;
    s->events->done(s->arg, p, &d);
    let_go(s, slot, now);
}

/* --- steps ----------------------------------------------------------------------------------- */

bool slot_add(struct schedule *s, struct slot *slot, const uint32_t *token, uint32_t n,
              uint32_t n_wanted)
{
    struct job_error why = {0};
    prefix_make_room(s, n / KV_BLOCK + 2, NULL);
    if (timeline_add(&slot->t, token, n, n_wanted, &why.err))
        return true;
    slot_fail(s, slot, &why);
    return false;
}

static bool wants_reading(const struct slot *slot)
{
    return slot->state == SLOT_PROMPT && !slot->in_pass && !slot->restoring;
}

/* The prompt that has not been read on in for longest. */
static struct slot *longest_unread(const struct schedule *s)
{
    struct slot *found = NULL;
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (wants_reading(&s->slots[i]) && (!found || s->slots[i].read_ns < found->read_ns))
            found = &s->slots[i];
    return found;
}

/* What is left counts, and how long it has waited does not: a long prompt would come to be worth
 * more than any short one, and be read to its end before it. It has its share of the passes. */
static struct slot *least_left(const struct schedule *s)
{
    struct slot *found = NULL;
    double least = 0;
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct slot *slot = &s->slots[i];
        if (!wants_reading(slot))
            continue;
        double cost = queue_cost(s, slot->p, (uint32_t)slot->p->prompt.n - slot->t.n, 0);
        if (!found || cost < least) {
            found = slot;
            least = cost;
        }
    }
    return found;
}

/* The prompt that a pass begins with. */
static struct slot *first_prompt(struct schedule *s)
{
    struct slot *least = least_left(s), *longest = longest_unread(s);
    bool overtakes = least != longest && s->n_overtakes < OVERTAKES;
    s->n_overtakes = overtakes ? s->n_overtakes + 1 : 0;
    return overtakes ? least : longest;
}

static bool any_decodes(const struct schedule *s)
{
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (slot_decodes(&s->slots[i]))
            return true;
    return false;
}

/* Has there been no other job for a while? Where one came, the next will not be long. */
static bool is_alone(const struct schedule *s, uint64_t now)
{
    return s->n_running == 1 && s->n_waiting == 0 &&
           (!s->company_ns || schedule_seconds(s->company_ns, now) > SCHEDULE_ALONE_S);
}

/* For a piece that others may wait for: brief, where the model is small enough for that. */
static double beside_ms(const struct schedule *s)
{
    double worth = WORTH * 1e3 * s->pace.fixed;
    return fmin(fmax(worth, SCHEDULE_BRIEF_MS), SCHEDULE_BESIDE_MS);
}

/* Tokens that are read in the time of a step: less of it while answers wait for their next, or a
 * job may come that would have to wait. */
static uint32_t piece(struct schedule *s, uint64_t now)
{
    bool decodes = any_decodes(s), alone = is_alone(s, now);
    bool expects = s->n_running == 1 && s->n_waiting == 0 && !alone;
    double ms = SCHEDULE_STEP_MS;
    if (decodes || expects)
        ms = beside_ms(s);
    else if (alone && s->events->look)
        ms = SCHEDULE_ALONE_MS;
    double n = prompt_pace_tokens(&s->pace, ms * 1e-3);
    uint32_t most = s->l->f->batch.max;
    uint32_t fits = n > most ? most : (uint32_t)n & ~(LEAST_PIECE - 1);
    return fits < LEAST_PIECE ? LEAST_PIECE : fits;
}

/* Fills the batch with pieces of prompts; row[i]: whose logits the i-th row of them is. */
static uint32_t add_prompts(struct schedule *s, struct slot **row, uint64_t now)
{
    uint32_t room = piece(s, now), whole = room, n_rows = 0;
    for (struct slot *slot = first_prompt(s);
         slot && room >= LEAST_PIECE && n_rows < s->l->f->p.n_logits; slot = least_left(s)) {
        const struct tokens *prompt = &slot->p->prompt;
        uint32_t left = (uint32_t)prompt->n - slot->t.n, n = timeline_step(&slot->t, left, room);
        if (n_rows && left > 2 * whole) /* answers do not begin later for a piece of a long one */
            break;
        if (!slot_add(s, slot, prompt->id + slot->t.n, n, n == left ? 1 : 0))
            continue;
        slot->in_pass = true;
        slot->read_ns = now;
        if (n == left)
            row[n_rows++] = slot;
        room -= n;
    }
    return n_rows;
}

static void measure(struct schedule *s, uint32_t n, double seconds)
{
    s->sums.prompt_s += seconds;
    prompt_pace_note(&s->pace, n, seconds);
}

/* Between the layers of a pass: is it still worth while? */
static bool look(void *arg)
{
    struct schedule *s = arg;
    bool wanted = false;
    s->events->look(s->arg);
    for (uint32_t i = 0; i < s->n_slots; i++)
        wanted |= s->slots[i].in_pass && !s->slots[i].cancelled;
    return !wanted;
}

static void run_pass(struct schedule *s)
{
    struct forward *f = s->l->f;
    f->look = s->events->look ? look : NULL;
    f->look_arg = s;
    forward(f);
    f->look = NULL;
}

/* Ends what was cancelled amid the pass, if it has not ended by itself. */
static void end_cancelled(struct schedule *s)
{
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->cancelled && slot->p) {
            if (s->l->f->stopped)
                timeline_forget(&slot->t);
            slot_finish(s, slot, FINISH_CANCELLED);
        }
        slot->cancelled = slot->in_pass = false;
    }
}

/* A piece of the prompts that are being read. */
static bool prefill(struct schedule *s)
{
    struct forward *f = s->l->f;
    struct slot *row[DECODE_TOKENS];
    uint64_t t0 = os_now_ns();
    batch_reset(&f->batch, true);
    uint32_t n_rows = add_prompts(s, row, t0), n = f->batch.n;
    if (n == 0)
        return false;
    run_pass(s);
    uint64_t now = os_now_ns();
    if (!f->stopped) {
        measure(s, n, schedule_seconds(t0, now));
        for (uint32_t i = 0; i < n_rows; i++)
            slot_begin(s, row[i], now);
        decode_go_on(s, row, n_rows);
    }
    end_cancelled(s);
    return true;
}

bool schedule_step(struct schedule *s)
{
    uint64_t now = os_now_ns();
    if (s->n_running + s->n_waiting > 1)
        s->company_ns = now;
    queue_expire(s, now);
    queue_admit(s, now);
    bool worked = decode_step(s);
    worked |= prefill(s);
    worked |= spill_step(s);
    return worked;
}

/* --- what can be known of it ----------------------------------------------------------------- */

void schedule_stats(const struct schedule *s, struct schedule_stats *out)
{
    *out = s->sums;
    out->n_parallel = s->l->n_parallel;
    out->n_running = s->n_running;
    out->n_waiting = s->n_waiting;
    out->kv_blocks = kv_blocks(s->l->f->kv);
    out->kv_free = kv_blocks_free(s->l->f->kv);
    out->prompt_tps = s->pace.tps;
    spill_stats(s->spill, &out->spill);
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].state == SLOT_IDLE && s->slots[i].t.n) {
            out->n_kept++;
            out->kept_tokens += s->slots[i].t.n;
        }
}

uint32_t schedule_slots(const struct schedule *s)
{
    return s->n_slots;
}

void schedule_slot(const struct schedule *s, uint32_t i, struct schedule_slot *out)
{
    const struct slot *slot = &s->slots[i];
    *out = (struct schedule_slot){.n_tokens = slot->t.n, .decoding = slot->state == SLOT_DECODE};
    if (!slot->p)
        return;
    out->id = slot->p->id;
    out->n_prompt = (uint32_t)slot->p->prompt.n;
    out->n_generated = slot->p->completion.n_generated;
}
