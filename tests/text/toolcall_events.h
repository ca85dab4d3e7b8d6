/* SPDX-License-Identifier: Apache-2.0 */
/* What a parser of calls said, as JSON: neighbours of one kind are joined, so that it does not
 * depend on where the text was cut.
 * [["content", text], ["reasoning", text], ["call", name, id, arguments], ["broken", text]] */
#ifndef MOAT_TESTS_TEXT_TOOLCALL_EVENTS_H
#define MOAT_TESTS_TEXT_TOOLCALL_EVENTS_H

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "text/toolcall.h"

struct events {
    json_t *list;
    struct buf text;       /* that is being joined */
    const char *kind;      /* of it */
    struct buf name, args; /* of the call in progress */
    bool in_call, bad;     /* bad: events in an order that must not be */
};

static json_t *events_text(struct str s)
{
    json_t *j = json_stringn(s.p ? s.p : "", s.n);
    if (j)
        return j;
    struct buf valid; /* of fuzzed bytes */
    buf_init(&valid, LIMIT_TEXT_BYTES);
    for (size_t i = 0; i < s.n; i++)
        buf_fmt(&valid, "%02x", (unsigned char)s.p[i]);
    j = json_stringn(buf_c(&valid), valid.n);
    buf_clear(&valid);
    return j;
}

static void events_flush(struct events *v)
{
    if (v->text.n)
        json_array_append_new(v->list,
                              json_pack("[s,o]", v->kind, events_text(buf_view(&v->text))));
    buf_reset(&v->text);
}

static void events_add(struct events *v, const char *kind, struct str text)
{
    if (v->kind && (strcmp(v->kind, kind) != 0 || strcmp(kind, "broken") == 0))
        events_flush(v);
    v->kind = kind;
    buf_str(&v->text, text);
}

static void events_take(void *arg, const struct toolcall_event *ev)
{
    struct events *v = arg;
    bool inside =
        ev->kind == TOOLCALL_ARGUMENTS || ev->kind == TOOLCALL_END || ev->kind == TOOLCALL_BROKEN;
    v->bad |= inside != v->in_call;
    switch (ev->kind) {
    case TOOLCALL_CONTENT:
        events_add(v, "content", ev->text);
        break;
    case TOOLCALL_REASONING:
        events_add(v, "reasoning", ev->text);
        break;
    case TOOLCALL_BEGIN:
        events_flush(v);
        v->in_call = true;
        buf_reset(&v->name);
        buf_reset(&v->args);
        buf_str(&v->name, ev->text);
        break;
    case TOOLCALL_ARGUMENTS:
        buf_str(&v->args, ev->text);
        break;
    case TOOLCALL_END:
        v->in_call = false;
        json_array_append_new(v->list,
                              json_pack("[s,o,o,o]", "call", events_text(buf_view(&v->name)),
                                        events_text(ev->id), events_text(buf_view(&v->args))));
        break;
    case TOOLCALL_BROKEN:
        v->in_call = false;
        events_add(v, "broken", ev->text);
        break;
    }
}

static void events_init(struct events *v)
{
    *v = (struct events){.list = json_array()};
    buf_init(&v->name, LIMIT_TEXT_BYTES);
    buf_init(&v->text, LIMIT_TEXT_BYTES);
    buf_init(&v->args, LIMIT_TEXT_BYTES);
}

static void events_clear(struct events *v)
{
    json_decref(v->list);
    buf_clear(&v->name);
    buf_clear(&v->text);
    buf_clear(&v->args);
}

/* step 0: in one piece; otherwise pieces of 1 to step bytes, by the generator *seed. */
static bool events_of(struct events *v, const struct toolcall_format *f, const json_t *tools,
                      struct str prompt, struct str text, size_t step, uint64_t *seed)
{
    struct err e;
    events_init(v);
    struct toolcall *t = toolcall_new(f, tools, prompt, events_take, v, &e);
    for (size_t at = 0, n; t && at < text.n; at += n) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        n = step ? 1 + (size_t)(*seed >> 33) % step : text.n;
        toolcall_push(t, str_sub(text, at, n));
    }
    bool ok = t && toolcall_end(t, &e) && !v->bad && !v->in_call;
    toolcall_free(t);
    events_flush(v);
    return ok;
}

#endif
