/* SPDX-License-Identifier: Apache-2.0 */
/* serve/file_send: see file_send.h. */
#include "serve/file_send.h"

#include <unistd.h>

#include "base/mem.h"
#include "serve/log.h"
#include "serve/loop.h"
#include "serve/range.h"
#include "serve/reply.h"

struct sending {
    struct exchange *x; /* NULL: the client is gone, what is being read is thrown away */
    struct pace_waiter pace;
    uv_fs_t read;
    bool reading;
    int fd;
    uint64_t at, left;
    char *piece; /* [FILE_PIECE], while it is being read */
    uint32_t n;  /* bytes asked for */
};

static void finish(struct sending *s)
{
    mem_free(s->piece);
    close(s->fd);
    mem_free(s);
}

/* The client has left, or the exchange has ended. */
static void on_gone(struct exchange *x)
{
    struct sending *s = x->work;
    pace_leave(&x->server->pace, &s->pace);
    s->x = NULL;
    if (!s->reading)
        finish(s);
}

static void read_on(struct sending *s);

static void break_off(struct sending *s, const char *why)
{
    log_event("file-unreadable", "%s: %s", s->x->id, why);
    conn_break(s->x->conn); /* the length was promised: only a break says that it will not come */
}

static void on_read(uv_fs_t *req)
{
    struct sending *s = req->data;
    ssize_t n = req->result;
    uv_fs_req_cleanup(req);
    s->reading = false;
    if (!s->x) {
        finish(s);
        return;
    }
    if (n <= 0) {
        break_off(s, n < 0 ? uv_strerror((int)n) : "the file has become shorter");
        return;
    }
    s->at += (uint64_t)n;
    s->left -= (uint64_t)n;
    s->x->n_bytes += (uint64_t)n;
    s->x->server->stats.n_bytes += (uint64_t)n;
    conn_write(s->x->conn, (struct str){s->piece, (size_t)n});
    mem_free(s->piece);
    s->piece = NULL;
    if (s->left == 0)
        exchange_end(s->x); /* calls on_gone */
    else if (conn_pending(s->x->conn) >= CONN_HIGH)
        s->x->paused = true;
    else
        read_on(s);
}

static void read_piece(struct pace_waiter *w)
{
    struct sending *s = (struct sending *)(void *)((char *)w - offsetof(struct sending, pace));
    s->piece = mem_new(FILE_PIECE, 1, NULL);
    uv_buf_t b = uv_buf_init(s->piece, s->n);
    s->read.data = s;
    if (!s->piece) {
        break_off(s, "memory is short");
        return;
    }
    s->reading = true;
    if (uv_fs_read(&s->x->server->loop, &s->read, s->fd, &b, 1, (int64_t)s->at, on_read) != 0) {
        s->reading = false;
        break_off(s, "it cannot be read now");
    }
}

static void read_on(struct sending *s)
{
    s->n = s->left < FILE_PIECE ? (uint32_t)s->left : FILE_PIECE;
    if (pace_take(&s->x->server->pace, &s->pace, s->n))
        read_piece(&s->pace);
}

static void on_flow(struct exchange *x)
{
    struct sending *s = x->work;
    if (!x->paused)
        read_on(s);
}

static bool begin(struct exchange *x, int fd, const struct range *r)
{
    struct sending *s = mem_new(1, sizeof *s, NULL);
    if (!s)
        return false;
    *s = (struct sending){.x = x, .fd = fd, .at = r->first, .left = r->n, .pace.go = read_piece};
    x->work = s;
    x->gone = on_gone;
    x->flow = on_flow;
    read_on(s);
    return true;
}

static int add_lines(struct buf *out, const struct file_body *f, const struct range *r)
{
    unsigned long long first = r->first, n = r->n, size = f->size;
    buf_fmt(out, "ETag: \"%s\"\r\nAccept-Ranges: bytes\r\nCache-Control: private, no-cache\r\n%s",
            f->tag, f->lines);
    switch (r->kind) {
    case RANGE_PART:
        buf_fmt(out, "Content-Range: bytes %llu-%llu/%llu\r\n", first, first + n - 1, size);
        return 206;
    case RANGE_OUTSIDE:
        buf_fmt(out, "Content-Range: bytes */%llu\r\n", size);
        return 416;
    case RANGE_SAME:
        return 304;
    case RANGE_WHOLE:
        break;
    }
    return 200;
}

void file_send(struct exchange *x, const struct file_body *f)
{
    const struct http_request *q = &x->conn->http.req;
    const bool head = q->method == HTTP_METHOD_HEAD;
    struct range_asked asked = {q->range, q->if_range, q->if_none_match};
    struct buf lines;
    if (head)
        asked.range = STR(""); /* RFC 9110 section 14.2 */
    struct range r = range_of(&asked, f->size, str_of(f->tag));
    buf_init(&lines, 1u << 14);
    int status = add_lines(&lines, f, &r);
    bool body = !head && r.n > 0 && (status == 200 || status == 206);
    reply_head(x, status, status == 304 ? NULL : f->type, status == 304 ? f->size : r.n,
               buf_c(&lines));
    buf_clear(&lines);
    if (body && begin(x, f->fd, &r))
        return;
    if (f->fd >= 0)
        close(f->fd);
    if (body)
        conn_break(x->conn);
    else
        exchange_end(x);
}
