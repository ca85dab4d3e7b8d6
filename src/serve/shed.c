/* SPDX-License-Identifier: Apache-2.0 */
/* serve/shed: see shed.h. */
#include "serve/shed.h"

#include <string.h>

#include "base/map.h"
#include "base/os.h"
#include "serve/conn.h"
#include "serve/exchange.h"
#include "serve/log.h"
#include "serve/loop.h"

#define TELL_NS   5000000000u /* between two lines of the log */
#define LOOK_MOST 64u         /* connections given up at one look */
#define LOOK_NS   50000000u   /* between two looks at all connections */

/* --- who waits -----------------------------------------------------------------------------------
 */

static struct shed_list *list_of(struct conn *c)
{
    struct shed *d = &c->server->shed;
    return c->n_requests ? &d->idle : &d->fresh;
}

void shed_works(struct conn *c)
{
    struct shed_list *l = list_of(c);
    if (!c->waits)
        return;
    *(c->wait_prev ? &c->wait_prev->wait_next : &l->first) = c->wait_next;
    *(c->wait_next ? &c->wait_next->wait_prev : &l->last) = c->wait_prev;
    c->wait_prev = c->wait_next = NULL;
    c->waits = false;
}

void shed_waits(struct conn *c)
{
    struct shed_list *l = list_of(c);
    if (c->waits)
        return;
    c->wait_prev = l->last;
    *(l->last ? &l->last->wait_next : &l->first) = c;
    l->last = c;
    c->waits = true;
}

/* --- (S1) and (S2) -------------------------------------------------------------------------------
 */

/* An IPv4 address, or the network of an IPv6 one. */
static void read_address(struct conn *c)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } sa = {0};
    int n = sizeof sa;
    if (c->local || uv_tcp_getpeername(&c->io.tcp, &sa.any, &n) != 0)
        return;
    const struct in6_addr *a = &sa.v6.sin6_addr;
    if (sa.any.sa_family == AF_INET)
        memcpy(c->address + 8, &sa.v4.sin_addr, 4);
    else if (IN6_IS_ADDR_V4MAPPED(a))
        memcpy(c->address + 8, a->s6_addr + 12, 4);
    else
        memcpy(c->address, a->s6_addr, 8);
}

static struct conn **chain_of(const struct conn *c)
{
    struct str key = {c->address, sizeof c->address};
    return &c->server->shed.by_address[map_hash(key) % SHED_BUCKETS];
}

static bool address_is_full(const struct conn *c)
{
    uint32_t most = c->server->config.max_per_address, n = 0;
    if (!most || c->local)
        return false;
    for (const struct conn *o = *chain_of(c); o && n <= most; o = o->same_next)
        n += memcmp(o->address, c->address, sizeof c->address) == 0;
    return n > most;
}

/* Somebody who has sent nothing whole goes. */
static bool displace(struct server *s, const struct conn *newcomer)
{
    struct conn *victim = s->shed.fresh.first;
    if (!victim || victim == newcomer)
        victim = s->shed.idle.first;
    if (!victim)
        return false;
    conn_drop(victim);
    s->shed.n_displaced++;
    return true;
}

bool shed_admit(struct conn *c)
{
    struct server *s = c->server;
    read_address(c);
    struct conn **chain = chain_of(c);
    c->same_next = *chain;
    *chain = c;
    c->entered = true;
    if (address_is_full(c)) {
        s->shed.n_address++;
        return false;
    }
    if (s->n_conns > s->config.max_connections && !displace(s, c)) {
        s->shed.n_full++;
        return false;
    }
    return true;
}

void shed_forget(struct conn *c)
{
    struct shed *d = &c->server->shed;
    shed_works(c);
    if (d->next == c)
        d->next = c->next;
    if (!c->entered)
        return;
    struct conn **at = chain_of(c);
    while (*at != c)
        at = &(*at)->same_next;
    *at = c->same_next;
    c->entered = false;
}

/* --- (S3) ----------------------------------------------------------------------------------------
 */

/* Those that hold most, of all that have stood still; at its front who holds more. */
struct largest {
    struct conn *v[LOOK_MOST];
    size_t pending[LOOK_MOST];
    unsigned n;
    uint64_t gone; /* bytes of those that are as good as gone */
};

static void offer(struct largest *l, struct conn *c)
{
    size_t pending = conn_pending(c);
    if (l->n == LOOK_MOST && pending <= l->pending[LOOK_MOST - 1])
        return;
    unsigned at = l->n < LOOK_MOST ? l->n++ : LOOK_MOST - 1;
    for (; at > 0 && l->pending[at - 1] < pending; at--) {
        l->v[at] = l->v[at - 1];
        l->pending[at] = l->pending[at - 1];
    }
    l->v[at] = c;
    l->pending[at] = pending;
}

static void find_largest(const struct server *s, uint64_t now, struct largest *l)
{
    l->n = 0;
    l->gone = 0;
    for (struct conn *c = s->conns; c; c = c->next)
        if (c->broken)
            l->gone += conn_pending(c);
        else if (c->writes && now - c->moved_ns >= SHED_STILL_MS * 1000000ull)
            offer(l, c);
}

void shed_unread(struct server *s, uint64_t bytes)
{
    struct shed *d = &s->shed;
    struct largest l;
    uint64_t now = os_now_ns(), most = s->config.max_unread;
    d->unread += bytes;
    if (d->unread <= most || now - d->looked_ns < LOOK_NS || s->routes == &route_mirror)
        return;
    d->looked_ns = now;
    find_largest(s, now, &l);
    uint64_t left = l.gone < d->unread ? d->unread - l.gone : 0;
    for (unsigned i = 0; i < l.n && left > most; i++) {
        left -= l.pending[i] < left ? l.pending[i] : left;
        conn_break(l.v[i]); /* what it holds is given back when it is closed */
        d->n_unread++;
    }
}

void shed_read(struct server *s, uint64_t bytes)
{
    s->shed.unread -= bytes;
}

/* --- (S4) to (S6) --------------------------------------------------------------------------------
 */

static bool stands_in_the_way(const struct conn *c)
{
    const struct exchange *x = c->x;
    return x->slot && x->slot->n_jobs > c->server->config.parallel &&
           x->paused_ms > c->server->config.stall_seconds * 1000ull;
}

static void look_at(struct conn *c, uint64_t now)
{
    struct shed *d = &c->server->shed;
    struct exchange *x = c->x;
    size_t pending = conn_pending(c);
    if (pending != c->pending_before)
        c->moved_ns = now;
    c->pending_before = pending;
    if (x && x->late && now > x->deadline_ns) {
        d->n_late++;
        x->late(x);
        return;
    }
    if (x && x->paused) {
        x->paused_ms += d->round_ms;
        if (stands_in_the_way(c)) {
            d->n_still++;
            conn_drop(c);
            return;
        }
    }
    if (!x && c->writes && c->whole_ns &&
        now - c->whole_ns > c->server->config.write_seconds * 1000000000ull) {
        d->n_late++;
        conn_drop(c);
        return;
    }
}

/* What went since the last time. */
static void tell(struct server *s)
{
    struct shed *d = &s->shed;
    uint64_t sum = d->n_address + d->n_displaced + d->n_full + d->n_unread + d->n_still + d->n_late;
    if (sum == d->told || os_now_ns() - d->told_ns < TELL_NS)
        return;
    d->told = sum;
    d->told_ns = os_now_ns();
    log_event(
        "shed",
        "connections so far: %llu too many of an address, %llu displaced, %llu too many, %llu "
        "held too much unread, %llu stood in others' way, %llu late",
        (unsigned long long)d->n_address, (unsigned long long)d->n_displaced,
        (unsigned long long)d->n_full, (unsigned long long)d->n_unread,
        (unsigned long long)d->n_still, (unsigned long long)d->n_late);
}

static void begin_round(struct server *s, uint64_t now)
{
    struct shed *d = &s->shed;
    d->round_ms = d->round_ns ? (now - d->round_ns) / 1000000u : 0;
    d->round_ns = now;
    d->next = s->conns;
    tell(s);
}

/* A part of all at a time: thousands of them must not hold up one that has something to say. */
static void on_tick(uv_timer_t *timer)
{
    struct server *s = timer->data;
    struct shed *d = &s->shed;
    uint64_t now = os_now_ns();
    if (!d->next)
        begin_round(s, now);
    for (uint32_t n = 0; d->next && n < SHED_STEP; n++) {
        struct conn *c = d->next;
        d->next = c->next;
        look_at(c, now);
    }
    uv_timer_start(timer, on_tick, d->next ? SHED_STEP_MS : SHED_TICK_MS, 0);
}

void shed_init(struct server *s)
{
    uv_timer_init(&s->loop, &s->shed.timer);
    s->shed.timer.data = s;
    uv_timer_start(&s->shed.timer, on_tick, SHED_TICK_MS, 0);
    uv_unref((uv_handle_t *)&s->shed.timer);
}
