/* SPDX-License-Identifier: Apache-2.0 */
/* serve/mirror: the answers of moat mirror: a path becomes a want, the keeper finds it, and the
 * file it hands over is sent. Rows of route.c.
 *
 * While the keeper must first fetch or compute what is wanted, the client is held: it gets "100
 * Continue" every KEEPER_TICK_MS, which every client of HTTP/1.1 reads over and which keeps its own
 * timeouts away. So nothing is sent that has not been verified. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "serve/dialects.h"
#include "serve/file_send.h"
#include "serve/loop.h"
#include "serve/reply.h"

#define WITNESS_BYTES (48u << 10) /* of lines: they go to the keeper in one packet */

struct asking {
    struct keeper_ask ask;
    struct exchange *x;
};

static struct exchange *take_exchange(struct keeper_ask *q)
{
    struct asking *a = (struct asking *)(void *)q;
    struct exchange *x = a->x;
    x->work = NULL;
    x->gone = NULL;
    mem_free(a);
    return x;
}

static bool header_clean(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static void add_headers(struct buf *lines, const json_t *headers)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)headers, name, value)
    {
        const char *text = json_string_value(value);
        if (text && header_clean(name) && header_clean(text))
            buf_fmt(lines, "%s: %s\r\n", name, text);
    }
}

static void send_answer(struct exchange *x, const json_t *j, int fd)
{
    struct buf lines;
    const char *model = json_string_value(json_object_get(j, "model"));
    const char *type = json_string_value(json_object_get(j, "type"));
    const char *tag = json_string_value(json_object_get(j, "tag"));
    buf_init(&lines, 1u << 13);
    add_headers(&lines, json_object_get(j, "headers"));
    if (model) {
        snprintf(x->model_text, sizeof x->model_text, "%s", model);
        x->model = x->model_text;
    }
    file_send(x,
              &(struct file_body){.fd = fd,
                                  .size = (uint64_t)json_integer_value(json_object_get(j, "size")),
                                  .type = type ? type : "application/octet-stream",
                                  .tag = tag ? tag : "",
                                  .lines = buf_c(&lines)});
    buf_clear(&lines);
}

static void on_answer(struct keeper_ask *q, const json_t *j, int fd, const struct problem *p)
{
    struct exchange *x = take_exchange(q);
    struct problem full = {.status = 503};
    if (p) {
        reply_problem(x, p);
    } else if (fd < 0 && x->conn->http.req.method != HTTP_METHOD_HEAD) {
        fail(&full.err, ERR_BUSY, "the server has no room for another open file; try again");
        reply_problem(x, &full);
    } else {
        send_answer(x, j, fd);
    }
}

static void on_waiting(struct keeper_ask *q)
{
    const struct exchange *x = ((struct asking *)(void *)q)->x;
    if (!x->conn->http.req.old && conn_pending(x->conn) == 0)
        conn_write(x->conn, STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void on_gone(struct exchange *x)
{
    struct asking *a = x->work;
    keeper_forget(&x->server->keeper, &a->ask);
    mem_free(a);
}

typedef void answer_fn(struct keeper_ask *q, const json_t *j, int fd, const struct problem *p);

static struct asking *begin_asking(struct exchange *x, answer_fn *answer, struct problem *p)
{
    struct asking *a = mem_new(1, sizeof *a, &p->err);
    if (!a)
        return NULL;
    *a = (struct asking){.ask = {.answer = answer, .waiting = on_waiting}, .x = x};
    x->work = a;
    x->gone = on_gone;
    return a;
}

static void ask(struct exchange *x, const struct want *w, answer_fn *answer)
{
    struct problem p = {0};
    struct asking *a = begin_asking(x, answer, &p);
    if (a && keeper_ask(&x->server->keeper, &a->ask, w, &p))
        return;
    if (a)
        take_exchange(&a->ask);
    reply_problem(x, &p);
}

void mirror_file(struct exchange *x)
{
    struct want w = want_of_path(x->conn->http.req.path);
    struct err e;
    w.head = x->conn->http.req.method == HTTP_METHOD_HEAD;
    if (w.kind != WANT_NOTHING) {
        ask(x, &w, on_answer);
        return;
    }
    fail(&e, ERR_NOT_FOUND, "there is nothing at this path");
    reply_error(x, &e);
}

void mirror_root(struct exchange *x)
{
    reply_body(x, 200, "text/plain; charset=utf-8", STR("moat mirror " MOAT_VERSION "\n"));
}

void mirror_health(struct exchange *x)
{
    bool ready = x->server->keeper.fd >= 0;
    reply_json(x, ready ? 200 : 503, json_pack("{ss}", "status", ready ? "ok" : "starting"));
}

/* The keeper's numbers, from the file in memory that it gave. */
static json_t *read_numbers(int fd, json_int_t size)
{
    struct buf text;
    char chunk[4096];
    buf_init(&text, LIMIT_JSON_BYTES);
    ssize_t n = 1;
    for (json_int_t at = 0; fd >= 0 && at < size && n > 0; at += n) {
        n = pread(fd, chunk, sizeof chunk, (off_t)at);
        if (n > 0)
            buf_add(&text, chunk, (size_t)n);
    }
    json_t *j = json_parse(buf_view(&text), "stats", NULL);
    buf_clear(&text);
    return j;
}

static void on_numbers(struct keeper_ask *q, const json_t *j, int fd, const struct problem *p)
{
    struct exchange *x = take_exchange(q);
    const struct server *s = x->server;
    const struct stats *t = &s->stats;
    json_t *all = p ? NULL : read_numbers(fd, json_integer_value(json_object_get(j, "size")));
    if (fd >= 0)
        close(fd);
    if (p) {
        reply_problem(x, p);
        return;
    }
    json_object_update_new(all,
                           json_pack("{sf sI sI sI sI sI si sI so}", "up_seconds",
                                     (double)(os_now_ns() - s->start_ns) / 1e9, "sent_bytes",
                                     (json_int_t)t->n_bytes, "requests", (json_int_t)t->n_ok,
                                     "refused", (json_int_t)t->n_client_errors, "failed",
                                     (json_int_t)t->n_server_errors, "gone", (json_int_t)t->n_gone,
                                     "connections", (int)s->n_conns, "resident_bytes",
                                     (json_int_t)os_rss_bytes(), "sent", tally_json(&s->tally)));
    reply_json(x, 200, all);
}

void mirror_stats(struct exchange *x)
{
    ask(x, &(struct want){.kind = WANT_STATS}, on_numbers);
}

/* --- the audit logs of other machines ------------------------------------------------------------
 */

static void on_witnessed(struct keeper_ask *q, const json_t *j, int fd, const struct problem *p)
{
    struct exchange *x = take_exchange(q);
    struct problem why = p ? *p : (struct problem){0};
    (void)j, (void)fd; /* an order gives no file */
    if (why.err.code == ERR_CORRUPT)
        why.status = 409; /* it contradicts what is known here */
    if (p)
        reply_problem(x, &why);
    else
        reply_body(x, 200, "text/plain; charset=utf-8", STR("witnessed\n"));
}

void mirror_witness(struct exchange *x)
{
    struct problem p = {0};
    struct str lines = buf_view(&x->conn->http.body);
    const char *key = x->conn->key_id[0] ? x->conn->key_id : "-";
    if (lines.n == 0 || lines.n > WITNESS_BYTES) {
        fail(&p.err, lines.n ? ERR_LIMIT : ERR_USAGE,
             "the body is 1 to %u bytes of lines: moat-audit-1 LOG LEAVES RECORDS ROOT TIME",
             WITNESS_BYTES);
        p.status = lines.n ? 413 : 0;
        reply_problem(x, &p);
        return;
    }
    struct asking *a = begin_asking(x, on_witnessed, &p);
    if (a &&
        keeper_order(
            &x->server->keeper, &a->ask,
            json_pack("{ss ss ss%}", "do", "witness", "key", key, "text", lines.p, lines.n), &p))
        return;
    if (a)
        take_exchange(&a->ask);
    reply_problem(x, &p);
}
