/* SPDX-License-Identifier: Apache-2.0 */
/* serve/upload: POST /api/blobs/sha256:HEX: the body goes on to an errand of the keeper's as it
 * comes, and no more of it is taken than that can write. */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/dialects.h"
#include "serve/loop.h"
#include "serve/reply.h"

#define UPLOAD_HIGH (256u << 10) /* bytes under way to the errand that halt the client */
#define UPLOAD_LOW  (64u << 10)

struct upload {
    struct keeper_ask ask;
    struct exchange *x;
    uv_pipe_t *pipe; /* to the errand; NULL: not yet, or no more */
    bool whole;      /* all of the body has come */
};

/* --- to the errand -------------------------------------------------------------------------------
 */

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle);
}

static void close_pipe(struct upload *u)
{
    if (!u->pipe)
        return;
    u->pipe->data = NULL;
    uv_close((uv_handle_t *)u->pipe, on_closed);
    u->pipe = NULL;
}

struct part {
    uv_write_t req;
    char bytes[];
};

static size_t waiting(const struct upload *u)
{
    return u->pipe ? uv_stream_get_write_queue_size((uv_stream_t *)u->pipe) : 0;
}

static void on_written(uv_write_t *req, int status)
{
    struct upload *u = req->handle->data;
    (void)status; /* an errand that has failed says why itself */
    mem_free(req->data);
    if (u && waiting(u) < UPLOAD_LOW)
        conn_halt(u->x->conn, false);
}

static void on_part(struct exchange *x, struct str bytes)
{
    struct upload *u = x->work;
    struct part *p = mem_new(sizeof *p + bytes.n, 1, NULL);
    if (!p || !u->pipe) {
        mem_free(p);
        conn_break(x->conn);
        return;
    }
    memcpy(p->bytes, bytes.p, bytes.n);
    p->req.data = p;
    uv_buf_t b = uv_buf_init(p->bytes, (unsigned)bytes.n);
    if (uv_write(&p->req, (uv_stream_t *)u->pipe, &b, 1, on_written) != 0) {
        mem_free(p);
        return; /* the errand has ended: its answer is on the way */
    }
    if (waiting(u) > UPLOAD_HIGH)
        conn_halt(x->conn, true);
}

static void on_shut(uv_shutdown_t *req, int status)
{
    struct upload *u = req->handle->data;
    (void)status;
    mem_free(req);
    if (u)
        close_pipe(u);
}

/* The errand sees the end when it has read all that is before it. */
static void end_pipe(struct upload *u)
{
    uv_shutdown_t *req = u->pipe ? mem_new(1, sizeof *req, NULL) : NULL;
    if (!req || uv_shutdown(req, (uv_stream_t *)u->pipe, on_shut) != 0) {
        mem_free(req);
        close_pipe(u);
    }
}

static void on_body_end(struct exchange *x)
{
    struct upload *u = x->work;
    u->whole = true;
    end_pipe(u);
}

/* --- from the keeper -----------------------------------------------------------------------------
 */

/* The errand is there: its socket comes with the word. */
static void on_ready(struct keeper_ask *q, const json_t *said, int fd)
{
    struct upload *u = (struct upload *)(void *)q;
    (void)said;
    if (fd < 0 || u->pipe)
        return;
    u->pipe = mem_new(1, sizeof *u->pipe, NULL);
    if (u->pipe && uv_pipe_init(&u->x->server->loop, u->pipe, 0) == 0 &&
        uv_pipe_open(u->pipe, fd) == 0) {
        u->pipe->data = u;
        if (u->whole) /* there was nothing in it */
            end_pipe(u);
        conn_halt(u->x->conn, false);
        return;
    }
    close(fd);
    conn_break(u->x->conn);
}

static void on_answer(struct keeper_ask *q, const json_t *j, int fd, const struct problem *p)
{
    struct upload *u = (struct upload *)(void *)q;
    struct exchange *x = u->x;
    (void)j, (void)fd;
    close_pipe(u);
    x->work = NULL;
    x->gone = NULL;
    mem_free(u);
    if (p)
        reply_problem(x, p);
    else
        reply_body(x, 201, "text/plain", STR(""));
}

static void on_gone(struct exchange *x)
{
    struct upload *u = x->work;
    close_pipe(u);
    keeper_forget(&x->server->keeper, &u->ask);
    mem_free(u);
}

void ollama_upload(struct exchange *x)
{
    struct problem p = {0};
    struct upload *u = mem_new(1, sizeof *u, &p.err);
    x->keep = false; /* an error may come in the middle of the body */
    if (!u) {
        reply_problem(x, &p);
        return;
    }
    *u = (struct upload){.ask = {.answer = on_answer, .progress = on_ready}, .x = x};
    x->work = u;
    x->gone = on_gone;
    x->body_part = on_part;
    x->body_end = on_body_end;
    json_t *order =
        json_pack("{ss ss% sI}", "do", "put", "digest", x->rest.p, x->rest.n, "size",
                  (json_int_t)(x->conn->http.req.chunked ? 0 : x->conn->http.req.content_length));
    if (keeper_order(&x->server->keeper, &u->ask, order, &p)) {
        conn_halt(x->conn, true);
        return;
    }
    x->work = NULL;
    x->gone = NULL;
    mem_free(u);
    reply_problem(x, &p);
}
