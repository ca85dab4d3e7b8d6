/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/line: see line.h. */
#include "fetch/line.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

static const char *const kinds[] = {
    [EVENT_PROGRESS] = "progress",
    [EVENT_NOTE] = "note",
    [EVENT_DOCUMENT] = "document",
    [EVENT_END] = "end",
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static json_t *texts(const char *const *v, uint32_t n)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(v[i]));
    return list;
}

static json_t *auths(const struct fetch_job *q)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < q->n_auth; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "origin", q->auth[i].origin, "bearer",
                                              q->auth[i].bearer));
    return list;
}

static bool write_line(json_t *j, struct buf *out, struct err *e)
{
    bool ok = j ? json_write(j, JSON_COMPACT, out, e)
                : fail(e, ERR_LIMIT, "a message between moat's processes is not valid text");
    json_decref(j);
    buf_byte(out, '\n');
    return ok && buf_ok(out, "JSON", e);
}

bool line_write_job(const struct fetch_job *q, struct buf *out, struct err *e)
{
    json_t *j = json_pack(
        "{s:o, s:b, s:b, s:b, s:s*, s:s*, s:s*, s:s*, s:b, s:b, s:b, s:I, s:s*, s:I, s:i, "
        "s:i, s:i, s:s*, s:s*, s:s*, s:o}",
        "urls", texts(q->url, q->n_url), "document", q->document, "outer", q->outer, "inner",
        q->inner, "accept", q->accept, "method", q->method, "type", q->type, "text", q->text,
        "upload", q->upload, "digest_known", q->digest_known, "mismatch", q->mismatch, "size",
        (json_int_t)q->size, "root", q->root, "limit_rate", (json_int_t)q->limit_rate,
        "connections", (int)q->connections, "stall_s", (int)q->stall_s, "retries", (int)q->retries,
        "proxy", q->proxy, "ca", q->ca, "socket", q->socket, "auth", auths(q));
    return write_line(j, out, e);
}

static uint32_t get_u32(const json_t *j, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(j, key));
    return v > 0 && v < INT32_MAX ? (uint32_t)v : 0;
}

static uint64_t get_u64(const json_t *j, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(j, key));
    return v > 0 ? (uint64_t)v : 0;
}

static const char *get_text(const json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

static bool bad(struct err *e)
{
    return fail(e, ERR_INTERNAL, "a message between moat's processes is not right");
}

static bool read_auths(struct fetch_job *q, const json_t *list, struct err *e)
{
    size_t i;
    const json_t *a;
    json_array_foreach((json_t *)(uintptr_t)list, i, a)
    {
        const char *origin = get_text(a, "origin"), *bearer = get_text(a, "bearer");
        if (i == FETCH_AUTHS || !origin || !bearer || strlen(origin) >= LIMIT_URL_BYTES ||
            strlen(bearer) >= LIMIT_URL_BYTES)
            return bad(e);
        snprintf(q->auth[i].origin, LIMIT_URL_BYTES, "%s", origin);
        snprintf(q->auth[i].bearer, LIMIT_URL_BYTES, "%s", bearer);
        q->n_auth = (uint32_t)i + 1;
    }
    return true;
}

bool line_read_job(struct fetch_job *q, json_t *j, struct err *e)
{
    size_t i;
    const json_t *url;
    *q = (struct fetch_job){.document = json_is_true(json_object_get(j, "document")),
                            .outer = json_is_true(json_object_get(j, "outer")),
                            .inner = json_is_true(json_object_get(j, "inner")),
                            .accept = get_text(j, "accept"),
                            .method = get_text(j, "method"),
                            .type = get_text(j, "type"),
                            .text = get_text(j, "text"),
                            .upload = json_is_true(json_object_get(j, "upload")),
                            .digest_known = json_is_true(json_object_get(j, "digest_known")),
                            .mismatch = json_is_true(json_object_get(j, "mismatch")),
                            .size = get_u64(j, "size"),
                            .root = get_text(j, "root"),
                            .limit_rate = get_u64(j, "limit_rate"),
                            .connections = get_u32(j, "connections"),
                            .stall_s = get_u32(j, "stall_s"),
                            .retries = get_u32(j, "retries"),
                            .proxy = get_text(j, "proxy"),
                            .ca = get_text(j, "ca"),
                            .socket = get_text(j, "socket")};
    json_array_foreach(json_object_get(j, "urls"), i, url)
    {
        if (i == LIMIT_PULL_SOURCES || !json_is_string(url))
            return bad(e);
        q->url[i] = json_string_value(url);
        q->n_url = (uint32_t)i + 1;
    }
    return q->n_url == 0 ? bad(e) : read_auths(q, json_object_get(j, "auth"), e);
}

bool line_write_event(const struct event *v, struct buf *out, struct err *e)
{
    return write_line(json_pack("{s:s, s:I, s:I, s:I, s:i, s:s, s:s*, s:s*, s:s*, s:i, s:b}",
                                "event", kinds[v->kind], "done", (json_int_t)v->done, "total",
                                (json_int_t)v->total, "received", (json_int_t)v->received,
                                "connections", (int)v->connections, "code", err_name(v->code),
                                "text", v->text, "from", v->from, "location", v->location, "status",
                                v->status, "outer", v->outer),
                      out, e);
}

static bool read_code(const char *name, enum err_code *out)
{
    for (int c = ERR_NONE; name && c <= ERR_INTERNAL; c++)
        if (strcmp(err_name((enum err_code)c), name) == 0) {
            *out = (enum err_code)c;
            return true;
        }
    return false;
}

bool line_read_event(struct event *v, const json_t *j, struct err *e)
{
    const char *kind = get_text(j, "event"), *text = get_text(j, "text");
    const char *from = get_text(j, "from"), *location = get_text(j, "location");
    size_t k = 0;
    while (k < N_KINDS && (!kind || strcmp(kind, kinds[k]) != 0))
        k++;
    *v = (struct event){.kind = (enum event_kind)k,
                        .done = get_u64(j, "done"),
                        .total = get_u64(j, "total"),
                        .received = get_u64(j, "received"),
                        .connections = get_u32(j, "connections"),
                        .text = text ? text : "",
                        .from = from ? from : "",
                        .location = location ? location : "",
                        .status = (int)get_u32(j, "status"),
                        .outer = json_is_true(json_object_get(j, "outer"))};
    return (k < N_KINDS && read_code(get_text(j, "code"), &v->code)) || bad(e);
}
