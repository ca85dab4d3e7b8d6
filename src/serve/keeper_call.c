/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_call: see keeper_call.h. */
#include "serve/keeper_call.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "serve/log.h"
#include "serve/loop.h"
#include "serve/packet.h"

static void take_out(struct keeper_line *k, struct keeper_ask *q)
{
    *(q->prev ? &q->prev->next : &k->asks) = q->next;
    if (q->next)
        q->next->prev = q->prev;
    q->prev = q->next = NULL;
    q->id = 0;
}

static struct keeper_ask *find(const struct keeper_line *k, json_int_t id)
{
    struct keeper_ask *q = k->asks;
    while (q && q->id != id)
        q = q->next;
    return q;
}

/* --- answers -------------------------------------------------------------------------------------
 */

static void take_answer(struct keeper_line *k, const json_t *j, int fd)
{
    json_t *note = json_object_get(j, "note");
    struct keeper_ask *q = find(k, json_integer_value(json_object_get(j, "id")));
    json_int_t code = json_integer_value(json_object_get(j, "code"));
    const char *text = json_string_value(json_object_get(j, "error"));
    if (note)
        audit_line_note(&k->server->audit, json_incref(note));
    if (!q) { /* nobody waits for it any more */
        if (fd >= 0)
            close(fd);
        return;
    }
    const json_t *said = json_object_get(j, "progress");
    if (said && q->progress) {
        q->progress(q, said, fd);
        return;
    }
    take_out(k, q);
    if (!text) {
        q->answer(q, j, fd, NULL);
        return;
    }
    struct problem p = {.code = json_string_value(json_object_get(j, "word"))};
    bool known = code > ERR_NONE && code <= ERR_INTERNAL;
    fail(&p.err, known ? (enum err_code)code : ERR_INTERNAL, "%s", text);
    if (p.err.code == ERR_BUSY)
        p.status = 503;
    if (fd >= 0)
        close(fd);
    q->answer(q, NULL, -1, &p);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct keeper_line *k = poll->data;
    (void)events;
    for (int most = 64; most > 0 && k->fd >= 0; most--) {
        json_t *j;
        int fd;
        enum packet_state state = status < 0 ? PACKET_END : packet_take(k->fd, &j, &fd);
        if (state == PACKET_NONE)
            return;
        if (state == PACKET_END) {
            keeper_line_close(k);
            return;
        }
        take_answer(k, j, fd);
        json_decref(j);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct keeper_line *k = timer->data;
    uint64_t now = os_now_ns();
    for (struct keeper_ask *q = k->asks, *next; q; q = next) {
        next = q->next;
        if (q->waiting && now - q->asked_ns >= 1000000000u /* it takes long */)
            q->waiting(q);
    }
}

/* --- open and closed -----------------------------------------------------------------------------
 */

void keeper_line_init(struct keeper_line *k, struct server *s)
{
    *k = (struct keeper_line){.server = s, .fd = -1};
    uv_timer_init(&s->loop, &k->timer);
    k->timer.data = k;
    uv_timer_start(&k->timer, on_tick, KEEPER_TICK_MS, KEEPER_TICK_MS);
    uv_unref((uv_handle_t *)&k->timer);
}

static void on_poll_closed(uv_handle_t *handle)
{
    mem_free(handle);
}

static void on_pipe_closed(uv_handle_t *handle)
{
    mem_free(handle);
}

/* libuv hands descriptors out as pipes: this one is taken back out of it. */
int keeper_line_descriptor(uv_loop_t *loop, uv_pipe_t *control)
{
    int fd = -1;
    uv_os_fd_t inner = -1;
    uv_pipe_t *pipe = mem_new(1, sizeof *pipe, NULL);
    if (!pipe)
        return -1;
    uv_pipe_init(loop, pipe, 0);
    if (uv_accept((uv_stream_t *)control, (uv_stream_t *)pipe) == 0 &&
        uv_fileno((uv_handle_t *)pipe, &inner) == 0)
        fd = fcntl(inner, F_DUPFD_CLOEXEC, 0);
    uv_close((uv_handle_t *)pipe, on_pipe_closed);
    return fd;
}

void keeper_line_attach(struct keeper_line *k, int pid, uv_pipe_t *control)
{
    keeper_line_close(k);
    k->poll = mem_new(1, sizeof *k->poll, NULL);
    k->fd = keeper_line_descriptor(&k->server->loop, control);
    if (k->poll && k->fd >= 0 && uv_poll_init(&k->server->loop, k->poll, k->fd) == 0) {
        k->poll->data = k;
        uv_poll_start(k->poll, UV_READABLE, on_readable);
        log_event("keeper", "process %d", pid);
        return;
    }
    mem_free(k->poll);
    k->poll = NULL;
    keeper_line_close(k);
    log_event("keeper-failed", "the line to the keeper could not be taken");
}

void keeper_line_close(struct keeper_line *k)
{
    struct problem p = {.status = 503};
    if (k->poll) {
        uv_poll_stop(k->poll);
        uv_close((uv_handle_t *)k->poll, on_poll_closed);
    }
    k->poll = NULL;
    if (k->fd >= 0)
        close(k->fd);
    k->fd = -1;
    fail(&p.err, ERR_INTERNAL, "the part of the server that reads the store has fallen; try again");
    while (k->asks) {
        struct keeper_ask *q = k->asks;
        take_out(k, q);
        q->answer(q, NULL, -1, &p);
    }
}

/* --- questions -----------------------------------------------------------------------------------
 */

/* Takes what is sent. */
static bool ask(struct keeper_line *k, struct keeper_ask *q, const char *key, json_t *what,
                struct problem *p)
{
    json_int_t id = ++k->last_id;
    json_t *j = json_pack("{sI so}", "id", id, key, what);
    bool ok = k->fd >= 0 || fail(&p->err, ERR_BUSY, "the store is being opened; try again");
    ok = ok && packet_send(k->fd, j, -1, false, &p->err);
    json_decref(j);
    p->status = 503;
    if (!ok)
        return false;
    q->id = id;
    q->asked_ns = os_now_ns();
    q->prev = NULL;
    q->next = k->asks;
    if (q->next)
        q->next->prev = q;
    k->asks = q;
    return true;
}

bool keeper_ask(struct keeper_line *k, struct keeper_ask *q, const struct want *w,
                struct problem *p)
{
    return ask(k, q, "want", want_to_json(w), p);
}

bool keeper_order(struct keeper_line *k, struct keeper_ask *q, json_t *order, struct problem *p)
{
    return ask(k, q, "order", order, p);
}

void keeper_forget(struct keeper_line *k, struct keeper_ask *q)
{
    json_int_t id = q->id;
    if (!id)
        return;
    take_out(k, q);
    if (!q->progress)
        return;
    json_t *j = json_pack("{sI sb}", "id", id, "cancel", 1);
    if (k->fd >= 0 && !packet_send(k->fd, j, -1, false, NULL))
        log_event("cancel-lost", "order %lld", (long long)id); /* it runs to its end */
    json_decref(j);
}
