/* SPDX-License-Identifier: Apache-2.0 */
/* serve/pace: see pace.h. */
#include "serve/pace.h"

#include "base/os.h"

static void on_timer(uv_timer_t *timer);

static void wait(struct pace *p)
{
    uint64_t ms = bucket_wait_ns(&p->bucket, os_now_ns()) / 1000000u + 1;
    uv_timer_start(&p->timer, on_timer, ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct pace *p = timer->data;
    while (p->first && bucket_take(&p->bucket, p->first->bytes, os_now_ns())) {
        struct pace_waiter *w = p->first;
        pace_leave(p, w);
        w->go(w);
    }
    if (p->first)
        wait(p);
}

void pace_init(struct pace *p, uv_loop_t *loop, uint64_t rate)
{
    *p = (struct pace){0};
    p->last = &p->first;
    bucket_init(&p->bucket, rate, os_now_ns());
    uv_timer_init(loop, &p->timer);
    p->timer.data = p;
}

bool pace_take(struct pace *p, struct pace_waiter *w, uint64_t bytes)
{
    if (!p->first && bucket_take(&p->bucket, bytes, os_now_ns()))
        return true;
    w->bytes = bytes;
    w->waits = true;
    w->next = NULL;
    bool alone = !p->first;
    *p->last = w;
    p->last = &w->next;
    if (alone)
        wait(p);
    return false;
}

void pace_leave(struct pace *p, struct pace_waiter *w)
{
    struct pace_waiter **at = &p->first;
    if (!w->waits)
        return;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (!w->next)
        p->last = at;
    w->waits = false;
}
