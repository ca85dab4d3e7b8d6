/* SPDX-License-Identifier: Apache-2.0 */
/* serve/audit_line: see audit_line.h. */
#include "serve/audit_line.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "serve/line.h"
#include "serve/log.h"
#include "serve/loop.h"
#include "serve/packet.h"
#include "serve/peer.h"

#define MINUTE_MS 60000u
#define LOST_MOST 4096u /* ends kept while there is no auditor */

static bool expected;
static enum audit_content content;

void audit_line_expect(enum audit_content c)
{
    expected = true;
    content = c;
}

bool audit_line_expected(void)
{
    return expected;
}

enum audit_content audit_line_content(void)
{
    return content;
}

/* --- who waits -----------------------------------------------------------------------------------
 */

static void take_out(struct audit_line *l, struct audit_wait *w)
{
    *(w->prev ? &w->prev->next : &l->first) = w->next;
    *(w->next ? &w->next->prev : &l->last) = w->prev;
    w->prev = w->next = NULL;
    w->id = 0;
}

static void put_in(struct audit_line *l, struct audit_wait *w, uint64_t id)
{
    w->id = id;
    w->next = NULL;
    w->prev = l->last;
    *(l->last ? &l->last->next : &l->first) = w;
    l->last = w;
}

/* Answers come in the order of what was sent. */
static struct audit_wait *find(const struct audit_line *l, uint64_t id)
{
    struct audit_wait *w = l->first;
    while (w && w->id != id)
        w = w->next;
    return w;
}

void audit_line_forget(struct audit_line *l, struct audit_wait *w)
{
    if (w->id)
        take_out(l, w);
}

/* --- answers -------------------------------------------------------------------------------------
 */

static void answer_all(struct audit_line *l, const json_t *ids, const struct problem *p)
{
    for (size_t i = 0; i < json_array_size(ids); i++) {
        struct audit_wait *w = find(l, (uint64_t)json_integer_value(json_array_get(ids, i)));
        if (!w)
            continue;
        take_out(l, w);
        w->done(w, p);
    }
}

static void take_answer(struct audit_line *l, const json_t *j)
{
    const char *text = json_string_value(json_object_get(j, "error"));
    struct problem p = {.status = 503, .code = "audit_failed", .retry_s = 5};
    answer_all(l, json_object_get(j, "ok"), NULL);
    if (!text)
        return;
    fail(&p.err, ERR_IO, "nothing is done here that cannot be recorded: %s", text);
    answer_all(l, json_object_get(j, "no"), &p);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct audit_line *l = poll->data;
    (void)events;
    for (int most = 64; most > 0 && l->fd >= 0; most--) {
        json_t *j;
        int fd;
        enum packet_state state = status < 0 ? PACKET_END : packet_take(l->fd, &j, &fd);
        if (state == PACKET_NONE)
            return;
        if (state == PACKET_END) {
            audit_line_close(l);
            return;
        }
        if (fd >= 0)
            close(fd);
        take_answer(l, j);
        json_decref(j);
    }
}

/* --- open and closed -----------------------------------------------------------------------------
 */

static void send_refusals(struct audit_line *l);

static void on_minute(uv_timer_t *timer)
{
    send_refusals(timer->data);
}

void audit_line_init(struct audit_line *l, struct server *s)
{
    *l = (struct audit_line){.server = s, .fd = -1, .last_id = os_now_ns()};
    uv_timer_init(&s->loop, &l->timer);
    l->timer.data = l;
    uv_timer_start(&l->timer, on_minute, MINUTE_MS, MINUTE_MS);
    uv_unref((uv_handle_t *)&l->timer);
}

static void on_poll_closed(uv_handle_t *handle)
{
    mem_free(handle);
}

static void send_lost(struct audit_line *l)
{
    struct problem p;
    json_t *lost = l->lost;
    size_t i;
    json_t *record;
    l->lost = NULL;
    json_array_foreach(lost, i, record)
    {
        if (!audit_line_send(l, json_incref(record), false, NULL, &p))
            audit_line_note(l, json_incref(record));
    }
    json_decref(lost);
}

void audit_line_attach(struct audit_line *l, int pid, uv_pipe_t *control)
{
    audit_line_close(l);
    l->poll = mem_new(1, sizeof *l->poll, NULL);
    l->fd = keeper_line_descriptor(&l->server->loop, control);
    if (l->poll && l->fd >= 0 && uv_poll_init(&l->server->loop, l->poll, l->fd) == 0) {
        l->poll->data = l;
        uv_poll_start(l->poll, UV_READABLE, on_readable);
        log_event("auditor", "process %d", pid);
        send_lost(l);
        return;
    }
    mem_free(l->poll);
    l->poll = NULL;
    audit_line_close(l);
    log_event("auditor-failed", "the line to the auditor could not be taken");
}

static void is_down(struct problem *p)
{
    *p = (struct problem){.status = 503, .code = "audit_failed", .retry_s = 5};
    fail(&p->err, ERR_IO,
         "nothing is done here that cannot be recorded, and the audit log cannot be written now; "
         "the server's log says why");
}

/* Also ends what runs: its end could not be recorded. */
void audit_line_close(struct audit_line *l)
{
    struct problem p;
    bool was = l->fd >= 0;
    if (l->poll) {
        uv_poll_stop(l->poll);
        uv_close((uv_handle_t *)l->poll, on_poll_closed);
    }
    l->poll = NULL;
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    is_down(&p);
    while (l->first) {
        struct audit_wait *w = l->first;
        take_out(l, w);
        w->done(w, &p);
    }
    for (uint32_t i = 0; was && i < l->server->engines.n; i++)
        line_stop_all(&l->server->engines.v[i], &p);
}

void audit_line_end(struct audit_line *l)
{
    send_refusals(l);
    audit_line_close(l);
    json_decref(l->lost);
    l->lost = NULL;
}

/* --- records -------------------------------------------------------------------------------------
 */

bool audit_line_ready(const struct audit_line *l, struct problem *p)
{
    if (!expected || l->fd >= 0)
        return true;
    is_down(p);
    return false;
}

bool audit_line_send(struct audit_line *l, json_t *record, bool begins, struct audit_wait *w,
                     struct problem *p)
{
    json_t *j = json_pack("{so}", "record", record);
    uint64_t id = l->last_id + 1;
    if (j && w)
        json_object_set_new(j, "id", json_integer((json_int_t)id));
    if (j && begins)
        json_object_set_new(j, "begins", json_true());
    bool ok = audit_line_ready(l, p) && packet_send(l->fd, j, -1, false, &p->err);
    json_decref(j);
    if (!ok) {
        p->status = 503;
        p->code = "audit_failed";
        return false;
    }
    l->last_id = id;
    if (w)
        put_in(l, w, id);
    return true;
}

void audit_line_note(struct audit_line *l, json_t *record)
{
    struct problem p;
    if (!l->lost && audit_line_send(l, json_incref(record), false, NULL, &p)) {
        json_decref(record);
        return;
    }
    if (!l->lost)
        l->lost = json_array();
    if (json_array_size(l->lost) < LOST_MOST)
        json_array_append(l->lost, record);
    else
        log_event("audit-end-lost", "more than %u ends wait to be recorded", LOST_MOST);
    json_decref(record);
}

/* --- clients -------------------------------------------------------------------------------------
 */

static void peer_of(const struct conn *c, char out[AUDIT_PEER])
{
    struct sockaddr_storage a;
    int n = sizeof a;
    snprintf(out, AUDIT_PEER, "%s", c->local ? "unix" : "");
    if (!c->local && uv_tcp_getpeername(&c->io.tcp, (struct sockaddr *)&a, &n) == 0)
        uv_ip_name((const struct sockaddr *)&a, out, AUDIT_PEER);
}

json_t *audit_line_who(const struct conn *c)
{
    char from[AUDIT_PEER];
    peer_of(c, from);
    json_t *j = json_pack("{ss ss}", "key", c->key_id, "from", from);
    uint32_t uid;
    if (j && peer_user(c, &uid))
        json_object_set_new(j, "uid", json_integer(uid));
    return j;
}

static void send_refusals(struct audit_line *l)
{
    for (uint32_t i = 0; i < l->n_refusals; i++) {
        const struct audit_refusal *r = &l->refusals[i];
        audit_line_note(l,
                        json_pack("{ss ss s{ss} si sI}", "act", "refused", "phase", "note", "who",
                                  "from", r->from, "status", r->status, "n", (json_int_t)r->n));
    }
    l->n_refusals = 0;
}

/* An attacker writes a record a minute, however often he knocks; many together share the last. */
void audit_line_refused(struct audit_line *l, const struct conn *c, int status)
{
    char from[AUDIT_PEER];
    if (!expected)
        return;
    peer_of(c, from);
    for (uint32_t i = 0; i < l->n_refusals; i++) {
        struct audit_refusal *r = &l->refusals[i];
        if (r->status == status && (strcmp(r->from, from) == 0 || strcmp(r->from, "*") == 0)) {
            r->n++;
            return;
        }
    }
    bool full = l->n_refusals >= AUDIT_REFUSALS - 8;
    if (l->n_refusals == AUDIT_REFUSALS) { /* all kinds of refusals from everywhere */
        l->refusals[AUDIT_REFUSALS - 1].n++;
        return;
    }
    struct audit_refusal *r = &l->refusals[l->n_refusals++];
    *r = (struct audit_refusal){.status = status, .n = 1};
    snprintf(r->from, sizeof r->from, "%s", full ? "*" : from);
}
