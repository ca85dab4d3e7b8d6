/* SPDX-License-Identifier: Apache-2.0 */
/* run/schedule_queue: the jobs that wait, and who of them goes next. */
#include <math.h>
#include <string.h>

#include "base/os.h"
#include "run/schedule_private.h"

#define WAITING_WORTH  0.25 /* seconds of reading that a second of waiting outweighs */
#define PRIORITY_WORTH 10.0 /* seconds of waiting that a level of priority is worth */
#define RUNNING_COST   1.0  /* seconds of reading, for each answer that the tenant has running */
#define PATIENCE_S     5.0  /* after that nobody overtakes a job that waits for memory */

static uint32_t running_of(const struct schedule *s, const struct prepared *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_slots; i++)
        n += s->slots[i].p && s->slots[i].p != p && strcmp(s->slots[i].tenant, p->tenant) == 0;
    return n;
}

double queue_cost(const struct schedule *s, const struct prepared *p, uint32_t left, double waited)
{
    waited += PRIORITY_WORTH * p->priority;
    return left / s->pace.tps + RUNNING_COST * running_of(s, p) - WAITING_WORTH * waited;
}

/* Blocks that the whole of it can come to need. */
static uint32_t blocks_of(const struct schedule *s, const struct prepared *p)
{
    uint64_t n_ctx = loaded_window(s->l, &p->settings), n = n_ctx;
    if (p->settings.max_tokens && p->prompt.n + p->settings.max_tokens < n_ctx)
        n = p->prompt.n + p->settings.max_tokens;
    return (uint32_t)((n + KV_BLOCK - 1) / KV_BLOCK);
}

static bool fits(const struct schedule *s, const struct prepared *p)
{
    uint32_t all = kv_blocks(s->l->f->kv);
    return all == 0 || s->n_committed + blocks_of(s, p) <= all;
}

static void unlink_waiting(struct schedule *s, const struct prepared *p)
{
    struct prepared **at = &s->waiting;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    s->n_waiting--;
}

/* The waiting job to start now, or NULL. */
static struct prepared *choose(const struct schedule *s, uint64_t now)
{
    struct prepared *best = NULL;
    double least = INFINITY;
    bool held = false; /* by one that has waited for memory long enough */
    for (struct prepared *p = s->waiting; p; p = p->next) {
        double waited = schedule_seconds(p->arrived_ns, now);
        double cost = queue_cost(s, p, (uint32_t)p->prompt.n, waited);
        if (!fits(s, p)) {
            held |= waited > PATIENCE_S;
            continue;
        }
        if (cost < least && !prefix_is_coming(s, p)) {
            best = p;
            least = cost;
        }
    }
    return held ? NULL : best;
}

static void fail_waiting(struct schedule *s, struct prepared *p, const struct job_error *why)
{
    s->sums.n_failed++;
    s->events->failed(s->arg, p, why);
    prepared_free(p);
}

uint32_t schedule_begin(struct schedule *s, struct slot *slot)
{
    const struct prepared *p = slot->p;
    slot->n_reused = timeline_keep(&slot->t, p->prompt.id, (uint32_t)p->prompt.n);
    s->sums.n_reused += slot->n_reused;
    s->events->started(s->arg, p, slot->n_reused);
    return slot->n_reused;
}

static void start(struct schedule *s, struct prepared *p, uint64_t now)
{
    struct job_error why = {0};
    unlink_waiting(s, p);
    if (!completion_start(&p->completion, s->l, &p->settings, &p->prompt, str_of(p->tenant),
                          &why.err)) {
        fail_waiting(s, p, &why);
        return;
    }
    struct slot *slot = prefix_take(s, p);
    p->next = NULL;
    slot->p = p;
    slot->state = SLOT_PROMPT;
    slot->spilled = false;
    slot->n_reused = 0;
    slot->n_committed = blocks_of(s, p);
    if (slot->restoring && spill_blocks(s) > slot->n_committed)
        slot->n_committed = spill_blocks(s);
    slot->admitted_ns = slot->used_ns = slot->read_ns = now;
    slot->prompt_ns = slot->text_ns = 0;
    s->n_committed += slot->n_committed;
    s->n_running++;
    s->sums.n_prompt += p->prompt.n;
    if (!slot->restoring)
        (void)schedule_begin(s, slot);
}

void queue_admit(struct schedule *s, uint64_t now)
{
    while (s->n_running < s->l->n_parallel) {
        struct prepared *p = choose(s, now);
        if (!p)
            return;
        start(s, p, now);
    }
}

/* Seconds until a place is likely to be free. */
static uint32_t retry_after(const struct schedule *s)
{
    double work = 0;
    for (const struct prepared *p = s->waiting; p; p = p->next)
        work += (double)p->prompt.n / s->pace.tps;
    return work < 1 ? 1 : work > 60 ? 60 : (uint32_t)ceil(work);
}

void schedule_submit(struct schedule *s, struct prepared *p)
{
    struct job_error why = {0};
    uint64_t now = os_now_ns();
    must(p->task == PREPARED_ANSWER && p->prompt.n > 0);
    if (s->submitted_ns && schedule_seconds(s->submitted_ns, now) < SCHEDULE_ALONE_S)
        s->company_ns = now; /* one soon after another: so will the next be */
    s->submitted_ns = now;
    if (s->n_waiting >= s->max_waiting) {
        why.retry_s = retry_after(s);
        fail(&why.err, ERR_BUSY,
             "%u requests are waiting already, which is the most; try again in %u seconds",
             s->n_waiting, why.retry_s);
        fail_waiting(s, p, &why);
        return;
    }
    struct prepared **last = &s->waiting;
    while (*last)
        last = &(*last)->next;
    p->next = NULL;
    *last = p;
    s->n_waiting++;
}

bool schedule_cancel(struct schedule *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].p && s->slots[i].p->id == id) {
            if (s->slots[i].in_pass)
                s->slots[i].cancelled = true;
            else
                slot_finish(s, &s->slots[i], FINISH_CANCELLED);
            return true;
        }
    for (struct prepared *p = s->waiting; p; p = p->next)
        if (p->id == id) {
            struct job_done d = {.finish = "cancelled"};
            unlink_waiting(s, p);
            s->events->done(s->arg, p, &d);
            prepared_free(p);
            return true;
        }
    return false;
}

bool schedule_pause(struct schedule *s, uint64_t id, bool paused)
{
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].p && s->slots[i].p->id == id) {
            s->slots[i].p->paused = paused;
            return true;
        }
    for (struct prepared *p = s->waiting; p; p = p->next)
        if (p->id == id) {
            p->paused = paused;
            return true;
        }
    return false;
}

static bool is_late(const struct prepared *p, uint64_t now)
{
    return p->deadline_ns && now > p->deadline_ns;
}

/* The time is over: an answer in the making ends there, one not begun fails. */
void queue_expire(struct schedule *s, uint64_t now)
{
    struct job_error why = {.retry_s = retry_after(s)};
    fail(&why.err, ERR_BUSY,
         "the time given for the answer was over before its first word; the server is busy");
    for (struct prepared *p = s->waiting, *next; p; p = next) {
        next = p->next;
        if (!is_late(p, now))
            continue;
        unlink_waiting(s, p);
        fail_waiting(s, p, &why);
    }
    for (uint32_t i = 0; i < s->n_slots; i++) {
        struct slot *slot = &s->slots[i];
        if (!slot->p || !is_late(slot->p, now))
            continue;
        if (slot->state == SLOT_DECODE)
            slot_finish(s, slot, FINISH_DEADLINE);
        else
            slot_fail(s, slot, &why);
    }
}
