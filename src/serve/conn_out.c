/* SPDX-License-Identifier: Apache-2.0 */
/* serve/conn_out: what goes out of a connection, encrypted where it must be, and whether its client
 * reads it fast enough; see conn.h. */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/os.h"
#include "serve/conn_private.h"
#include "serve/exchange.h"
#include "serve/loop.h"

/* --- the pace of a reader ------------------------------------------------------------------------
 */

/* Bytes that the client's side has acknowledged: what waits here or in the kernel is not. */
static uint64_t taken(const struct conn *c)
{
    uv_os_fd_t fd = -1;
    int queued = 0;
    if (uv_fileno(&c->io.handle, &fd) != 0 || ioctl(fd, TIOCOUTQ, &queued) != 0 || queued < 0)
        queued = 0;
    uint64_t left = conn_pending(c) + (uint64_t)queued;
    return c->given > left ? c->given - left : 0;
}

void conn_drop(struct conn *c)
{
    const struct linger at_once = {1, 0};
    uv_os_fd_t fd = -1;
    if (c->phase == CONN_CLOSED)
        return;
    if (!c->local && taken(c) < c->given && uv_fileno(&c->io.handle, &fd) == 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    conn_close(c);
}

/* Until it has nothing more to read, or `idle_ms` when it has nothing now (0: no deadline). */
void conn_watch_reader(struct conn *c, uint64_t idle_ms)
{
    c->taken_before = taken(c);
    conn_deadline(c, c->writes ? c->server->config.stall_seconds * 1000ull : idle_ms);
}

bool conn_keeps_pace(const struct conn *c)
{
    uint64_t least = (uint64_t)CONN_PACE * c->server->config.stall_seconds;
    return c->writes && taken(c) - c->taken_before >= least;
}

/* --- what goes out ------------------------------------------------------------------------------
 */

struct write {
    uv_write_t req;
    struct conn *c;
    size_t n;
    char bytes[];
};

static void on_written(uv_write_t *req, int status)
{
    struct write *w = req->data;
    struct conn *c = w->c;
    shed_read(c->server, w->n);
    mem_free(w);
    if (c->phase == CONN_CLOSED)
        return;
    if (status < 0) {
        conn_close(c);
        return;
    }
    c->moved_ns = os_now_ns();
    if (c->writes == 1)
        c->whole_ns = 0;
    if (--c->writes == 0 && c->phase != CONN_HEAD && c->phase != CONN_BODY)
        conn_watch_reader(c, c->phase == CONN_ANSWER ? 0
                             : c->phase == CONN_IDLE ? c->server->config.idle_seconds * 1000ull
                                                     : CONN_LINGER_MS);
    if (!c->x && c->phase == CONN_IDLE && (c->ahead.n || !c->reading) && conn_pending(c) < CONN_LOW)
        conn_go_on(c);
    if (c->phase != CONN_CLOSED && c->x && c->x->paused && conn_pending(c) < CONN_LOW) {
        c->x->paused = false;
        c->x->flow(c->x);
    }
}

static void write_later(struct conn *c, struct str bytes)
{
    struct write *w = mem_new(sizeof *w + bytes.n, 1, NULL);
    if (!w) {
        conn_break(c);
        return;
    }
    memcpy(w->bytes, bytes.p, bytes.n);
    w->c = c;
    w->n = bytes.n;
    w->req.data = w;
    uv_buf_t b = uv_buf_init(w->bytes, (unsigned)bytes.n);
    if (uv_write(&w->req, &c->io.stream, &b, 1, on_written) != 0) {
        mem_free(w);
        conn_break(c);
        return;
    }
    if (c->writes == 0)
        c->moved_ns = os_now_ns();
    if (c->writes++ == 0 && c->phase == CONN_ANSWER)
        conn_watch_reader(c, 0);
    shed_unread(c->server, bytes.n);
}

/* As it stands. */
static void send_bytes(struct conn *c, struct str bytes)
{
    c->given += bytes.n;
    if (c->writes == 0) {
        uv_buf_t b = uv_buf_init((char *)(uintptr_t)bytes.p, (unsigned)bytes.n);
        int n = uv_try_write(&c->io.stream, &b, 1);
        if (n > 0)
            bytes = str_from(bytes, (size_t)n);
        else if (n != UV_EAGAIN) {
            conn_break(c);
            return;
        }
    }
    if (bytes.n)
        write_later(c, bytes);
}

/* What the TLS library has to say: what was encrypted, and its own messages. */
void conn_flush_tls(struct conn *c)
{
    char *out = c->server->tls_bytes;
    for (size_t n; !c->broken && (n = tls_take(c->tls, out, sizeof c->server->tls_bytes)) > 0;)
        send_bytes(c, (struct str){out, n});
}

static void encrypt(struct conn *c, struct str bytes)
{
    while (bytes.n && !c->broken) {
        struct str piece = str_sub(bytes, 0, TLS_PIECE);
        if (!tls_write(c->tls, piece)) {
            conn_break(c);
            return;
        }
        conn_flush_tls(c);
        bytes = str_from(bytes, piece.n);
    }
}

void conn_write(struct conn *c, struct str bytes)
{
    if (c->phase == CONN_CLOSED || c->shut || c->broken || bytes.n == 0)
        return;
    if (c->tls)
        encrypt(c, bytes);
    else
        send_bytes(c, bytes);
}

size_t conn_pending(const struct conn *c)
{
    return uv_stream_get_write_queue_size(&c->io.stream);
}
