/* SPDX-License-Identifier: Apache-2.0 */
/* serve/sse: see sse.h. */
#include "serve/sse.h"

#include <stdio.h>

#include "base/json.h"
#include "serve/conn.h"

#define EVENT_BYTES (64u << 20)

static void send_value(struct exchange *x, json_t *j, const char *before, const char *after)
{
    struct buf text;
    struct err e;
    buf_init(&text, EVENT_BYTES);
    buf_cstr(&text, before);
    bool ok = j && json_write(j, JSON_COMPACT | JSON_REAL_PRECISION(9), &text, &e);
    buf_cstr(&text, after);
    if (ok && !text.bad)
        reply_part(x, buf_view(&text));
    else
        conn_break(x->conn); /* rather than a stream with a hole */
    json_decref(j);
    buf_clear(&text);
}

void sse_start(struct exchange *x)
{
    reply_start(x, "text/event-stream");
}

void sse_event(struct exchange *x, json_t *j)
{
    send_value(x, j, "data: ", "\n\n");
}

void sse_named(struct exchange *x, const char *name, json_t *j)
{
    char before[64];
    snprintf(before, sizeof before, "event: %s\ndata: ", name);
    send_value(x, j, before, "\n\n");
}

void sse_done(struct exchange *x, bool say_done)
{
    if (say_done)
        reply_part(x, STR("data: [DONE]\n\n"));
    reply_end(x);
}

void ndjson_start(struct exchange *x)
{
    reply_start(x, "application/x-ndjson");
}

void ndjson_line(struct exchange *x, json_t *j)
{
    send_value(x, j, "", "\n");
}

void ndjson_done(struct exchange *x)
{
    reply_end(x);
}
