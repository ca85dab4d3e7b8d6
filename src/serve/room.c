/* SPDX-License-Identifier: Apache-2.0 */
/* serve/room: see room.h. */
#include "serve/room.h"

#include "run/memplan.h"
#include "serve/control.h"
#include "serve/line.h"
#include "serve/loading.h"
#include "serve/log.h"
#include "serve/loop.h"

/* --- sums ----------------------------------------------------------------------------------------
 */

static uint64_t held(const struct engines *es)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < es->n; i++)
        sum += es->v[i].held;
    return sum;
}

uint64_t room_budget(struct engines *es)
{
    uint64_t given = es->server->config.memory;
    if (given)
        return given;
    if (!es->free_bytes || held(es) == 0)
        es->free_bytes = memplan_free();
    return es->free_bytes;
}

static bool can_end(const struct engine_slot *slot)
{
    return slot->state == ENGINE_READY && engine_is_idle(slot);
}

/* Bytes of engines that end by now, or would if they were told to. */
static uint64_t held_by(const struct engines *es, bool ending)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < es->n; i++)
        if (ending ? es->v[i].state == ENGINE_ENDING : can_end(&es->v[i]))
            sum += es->v[i].held;
    return sum;
}

static double mib(uint64_t bytes)
{
    return (double)bytes / (1024.0 * 1024.0);
}

void room_explain(struct engine_slot *slot, struct err *e)
{
    struct engines *es = &slot->server->engines;
    fail(e, ERR_BUSY,
         "the model needs at least %.1f MiB of memory; of the %.1f MiB for all models, those with "
         "requests under way hold %.1f MiB; try again later",
         mib(slot->least), mib(room_budget(es)), mib(held(es) - held_by(es, false)));
}

/* --- giving --------------------------------------------------------------------------------------
 */

/* It will not fit, whoever ends. One that is to be there from the start says so itself. */
static void refuse(struct engine_slot *slot, uint64_t budget)
{
    slot->asked_ns = 0;
    if (slot->model->at_start) {
        line_grant(slot, budget);
        return;
    }
    fail(&slot->why, ERR_LIMIT,
         "the model needs at least %.1f MiB of memory, and there are %.1f MiB for all models "
         "(--memory): give it a shorter context (--context) or take a smaller one",
         mib(slot->least), mib(budget));
    log_event("engine-failed", "%s: %s", slot->model->id, slot->why.msg);
    loop_tell(slot->server, CONTROL_UNLOAD, slot->index);
    line_shutdown(slot);
}

static void give(struct engine_slot *slot, uint64_t budget, uint64_t left)
{
    uint32_t n = slot->server->engines.n;
    uint64_t share = budget / (n < ROOM_SHARES ? n : ROOM_SHARES);
    uint64_t bytes = share > slot->least ? share : slot->least;
    bytes = bytes < slot->most ? bytes : slot->most;
    bytes = bytes < left ? bytes : left;
    slot->held = bytes;
    slot->asked_ns = 0;
    line_grant(slot, bytes);
}

static struct engine_slot *longest_idle(struct engines *es)
{
    struct engine_slot *found = NULL;
    for (uint32_t i = 0; i < es->n; i++)
        if (can_end(&es->v[i]) && (!found || es->v[i].used_ns < found->used_ns))
            found = &es->v[i];
    return found;
}

/* Ends as many as are in the way, if that is enough. */
static void make_room(struct engines *es, uint64_t left, uint64_t least)
{
    uint64_t coming = left + held_by(es, true);
    if (coming + held_by(es, false) < least)
        return;
    while (coming < least) {
        struct engine_slot *slot = longest_idle(es);
        coming += slot->held;
        engines_unload(slot);
    }
}

static struct engine_slot *first_to_ask(struct engines *es)
{
    struct engine_slot *found = NULL;
    for (uint32_t i = 0; i < es->n; i++)
        if (es->v[i].asked_ns && (!found || es->v[i].asked_ns < found->asked_ns))
            found = &es->v[i];
    return found;
}

static void settle(uv_timer_t *timer)
{
    struct engines *es = timer->data;
    struct engine_slot *slot;
    while ((slot = first_to_ask(es))) {
        uint64_t budget = room_budget(es), taken = held(es);
        uint64_t left = budget > taken ? budget - taken : 0;
        if (slot->least > budget) {
            refuse(slot, budget);
        } else if (slot->least <= left) {
            give(slot, budget, left);
        } else {
            make_room(es, left, slot->least);
            return; /* until one has ended, or become idle */
        }
    }
}

void room_settle(struct engines *es)
{
    if (first_to_ask(es))
        uv_timer_start(&es->settle, settle, 0, 0);
}
