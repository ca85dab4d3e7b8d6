/* SPDX-License-Identifier: Apache-2.0 */
/* serve/reply: see reply.h. */
#include "serve/reply.h"

#include <time.h>

#include "base/json.h"
#include "base/limits.h"
#include "serve/log.h"
#include "serve/loop.h"
#include "serve/origin.h"
#include "serve/permit.h"
#include "serve/request_id.h"

#define REPLY_BYTES (512u << 20) /* of one body */

/* --- heads --------------------------------------------------------------------------------------
 */

static void add_date(struct buf *out)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    struct tm t = {0};
    gmtime_r(&now, &t);
    buf_fmt(out, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[t.tm_wday], t.tm_mday,
            months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

struct head {
    int status;
    const char *type, *id;
    bool chunked, close;
    uint64_t length;   /* of a body that is not chunked */
    const char *lines; /* of the head of a file; NULL: nothing of this may be kept by caches */
    bool until_close;
    uint32_t retry_s;
    bool basic;                       /* of 401: a password is taken too */
    const struct conn *conn;          /* whose key and page it is for */
    const char *word;                 /* of an error, for clients of Hugging Face; or NULL */
    const struct engine_slot *engine; /* that works for it, or NULL */
};

/* Which model has answered, and by what it may run. */
static void add_model(struct buf *out, const struct engine_slot *engine)
{
    char digest[72];
    uint64_t policy = engine_policy(engine);
    engine_digest(engine, digest);
    if (digest[0])
        buf_fmt(out, "Moat-Model-Digest: %s\r\n", digest);
    if (policy)
        buf_fmt(out, "Moat-Policy-Version: %llu\r\n", (unsigned long long)policy);
}

static void add_head(struct buf *out, const struct head *h)
{
    buf_fmt(out, "HTTP/1.1 %d %s\r\n", h->status, http_reason(h->status));
    add_date(out);
    if (h->type)
        buf_fmt(out, "Content-Type: %s\r\n", h->type);
    if (h->chunked)
        buf_cstr(out, "Transfer-Encoding: chunked\r\n");
    else if (!h->until_close)
        buf_fmt(out, "Content-Length: %llu\r\n", (unsigned long long)h->length);
    if (h->status == 429 || h->status == 503)
        buf_fmt(out, "Retry-After: %u\r\n", h->retry_s ? h->retry_s : 1);
    if (h->status == 401)
        buf_cstr(out, "WWW-Authenticate: Bearer\r\n");
    if (h->status == 401 && h->basic)
        buf_cstr(out, "WWW-Authenticate: Basic realm=\"moat\"\r\n");
    if (h->word)
        buf_fmt(out, "X-Error-Code: %s\r\n", h->word);
    if (h->close)
        buf_cstr(out, "Connection: close\r\n");
    if (h->engine)
        add_model(out, h->engine);
    permit_headers(h->conn, out);
    origin_headers(h->conn, out);
    buf_cstr(out, h->lines ? h->lines : "Cache-Control: no-store\r\n");
    buf_fmt(out, "X-Request-Id: %s\r\nX-Content-Type-Options: nosniff\r\n\r\n", h->id);
}

/* --- one body ------------------------------------------------------------------------------------
 */

void reply_body(struct exchange *x, int status, const char *type, struct str body)
{
    struct buf out;
    struct conn *c = x->conn;
    bool head_only = c->http.req.method == HTTP_METHOD_HEAD;
    buf_init(&out, body.n + 4096);
    x->status = status;
    add_head(&out, &(struct head){.status = status,
                                  .conn = c,
                                  .engine = x->slot,
                                  .type = body.n ? type : NULL,
                                  .id = x->id,
                                  .close = !x->keep,
                                  .retry_s = x->retry_s,
                                  .word = x->route->dialect == DIALECT_MIRROR ? x->error : NULL,
                                  .length = body.n});
    if (!head_only)
        buf_str(&out, body);
    if (out.bad)
        x->keep = false;
    else
        conn_write(c, buf_view(&out));
    buf_clear(&out);
    exchange_end(x);
}

void reply_json(struct exchange *x, int status, json_t *j)
{
    struct buf text;
    struct err e;
    buf_init(&text, REPLY_BYTES);
    bool ok = j ? json_write(j, JSON_COMPACT | JSON_REAL_PRECISION(9), &text, &e)
                : fail(&e, ERR_LIMIT, "the server is short of memory");
    json_start_over();
    json_decref(j);
    if (ok)
        reply_body(x, status, "application/json", buf_view(&text));
    else if (text.bad && text.n > REPLY_BYTES / 4)
        reply_body(x, 500, "application/json", STR("{\"error\":\"the answer is too large\"}"));
    else
        reply_body(x, 503, "application/json",
                   STR("{\"error\":\"the server is short of memory; try again\"}"));
    buf_clear(&text);
}

void reply_head(struct exchange *x, int status, const char *type, uint64_t length,
                const char *lines)
{
    struct buf out;
    buf_init(&out, 1u << 16);
    x->status = status;
    add_head(&out, &(struct head){.status = status,
                                  .conn = x->conn,
                                  .type = type,
                                  .id = x->id,
                                  .close = !x->keep,
                                  .lines = lines,
                                  .length = length});
    if (out.bad)
        conn_break(x->conn);
    else
        conn_write(x->conn, buf_view(&out));
    buf_clear(&out);
}

/* --- a stream ------------------------------------------------------------------------------------
 */

void reply_start(struct exchange *x, const char *type)
{
    struct buf out;
    buf_init(&out, 4096);
    x->status = 200;
    x->chunked = !x->conn->http.req.old;
    x->keep = x->keep && x->chunked;
    add_head(&out, &(struct head){.status = 200,
                                  .conn = x->conn,
                                  .engine = x->slot,
                                  .type = type,
                                  .id = x->id,
                                  .chunked = x->chunked,
                                  .until_close = !x->chunked,
                                  .close = !x->keep});
    if (out.bad)
        conn_break(x->conn);
    else
        conn_write(x->conn, buf_view(&out));
    buf_clear(&out);
}

static void write_chunk(struct conn *c, struct str part)
{
    struct buf out;
    buf_init(&out, part.n + 64);
    buf_fmt(&out, "%zx\r\n", part.n);
    buf_str(&out, part);
    buf_cstr(&out, "\r\n");
    if (out.bad)
        conn_break(c);
    else
        conn_write(c, buf_view(&out));
    buf_clear(&out);
}

void reply_part(struct exchange *x, struct str part)
{
    if (!part.n)
        return;
    if (x->chunked)
        write_chunk(x->conn, part);
    else
        conn_write(x->conn, part);
    size_t pending = conn_pending(x->conn);
    if (pending > CONN_FULL)
        conn_break(x->conn); /* more than can come after a pause */
    if (pending > CONN_HIGH && !x->paused && x->flow) {
        x->paused = true;
        x->flow(x);
    }
}

void reply_end(struct exchange *x)
{
    if (x->chunked)
        conn_write(x->conn, STR("0\r\n\r\n"));
    exchange_end(x);
}

/* --- errors --------------------------------------------------------------------------------------
 */

static const char *openai_type(int status)
{
    return status == 401   ? "authentication_error"
           : status == 403 ? "permission_error"
           : status == 404 ? "not_found_error"
           : status == 429 ? "rate_limit_error"
           : status >= 500 ? "server_error"
                           : "invalid_request_error";
}

static const char *llama_type(int status)
{
    return status == 401   ? "authentication_error"
           : status == 403 ? "permission_error"
           : status == 404 ? "not_found_error"
           : status == 501 ? "not_supported_error"
           : status == 503 ? "unavailable_error"
           : status >= 500 ? "server_error"
                           : "invalid_request_error";
}

static const char *anthropic_type(int status)
{
    return status == 401   ? "authentication_error"
           : status == 403 ? "permission_error"
           : status == 404 ? "not_found_error"
           : status == 413 ? "request_too_large"
           : status == 429 ? "rate_limit_error"
           : status == 503 ? "overloaded_error"
           : status == 504 ? "timeout_error"
           : status >= 500 ? "api_error"
                           : "invalid_request_error";
}

json_t *reply_problem_object(enum dialect d, const struct problem *p, const char *id)
{
    int status = problem_status(p);
    const char *code = p->code ? p->code : err_name(p->err.code);
    json_start_over(); /* what was to be said before this is not */
    switch (d) {
    case DIALECT_OPENAI:
        return json_pack("{s{ss ss ss? ss ss}}", "error", "message", p->err.msg, "type",
                         openai_type(status), "param", p->param, "code", code, "request_id", id);
    case DIALECT_ANTHROPIC:
        return json_pack("{ss s{ss ss} ss}", "type", "error", "error", "type",
                         anthropic_type(status), "message", p->err.msg, "request_id", id);
    case DIALECT_LLAMA:
        return json_pack("{s{si ss ss ss* ss}}", "error", "code", status, "message", p->err.msg,
                         "type", llama_type(status), "param", p->param, "request_id", id);
    case DIALECT_OLLAMA:
        return json_pack("{ss ss}", "error", p->err.msg, "request_id", id);
    case DIALECT_MIRROR:
        return json_pack("{ss s[{ss ss}] ss}", "error", p->err.msg, "errors", "code", code,
                         "message", p->err.msg, "request_id", id);
    }
    return NULL;
}

void reply_problem(struct exchange *x, const struct problem *p)
{
    x->error = p->code ? p->code : err_name(p->err.code);
    x->retry_s = p->retry_s;
    reply_json(x, problem_status(p), reply_problem_object(x->route->dialect, p, x->id));
}

void reply_error(struct exchange *x, const struct err *e)
{
    reply_problem(x, &(struct problem){.err = *e});
}

void reply_refusal(struct conn *c, int status, const struct err *e)
{
    struct buf out, text;
    char id[REQUEST_ID_BYTES];
    buf_init(&out, 1u << 16);
    buf_init(&text, 1u << 16);
    request_id_next(id);
    struct problem p = {
        .err = *e, .status = status, .code = status == 401 ? "invalid_api_key" : NULL};
    json_t *j = reply_problem_object(route_dialect(c), &p, id);
    if (j && json_write(j, JSON_COMPACT, &text, NULL)) {
        add_head(&out, &(struct head){.status = status,
                                      .conn = c,
                                      .type = "application/json",
                                      .id = id,
                                      .close = true,
                                      .basic = route_dialect(c) == DIALECT_MIRROR,
                                      .length = text.n});
        if (c->http.req.method != HTTP_METHOD_HEAD)
            buf_str(&out, buf_view(&text));
        conn_write(c, buf_view(&out));
    }
    log_refusal(id, status, e->code);
    stats_reply(&c->server->stats, http_method_name(c->http.req.method), "", status,
                err_name(e->code));
    audit_line_refused(&c->server->audit, c, status);
    json_decref(j);
    buf_clear(&text);
    buf_clear(&out);
}
