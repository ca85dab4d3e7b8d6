/* SPDX-License-Identifier: Apache-2.0 */
/* run/parts: see parts.h. */
#include "run/parts.h"

#include "base/limits.h"
#include "base/mem.h"

struct parts {
    struct toolcall *parser;
    bool bound;
    struct buf name, id, arguments; /* of a call that is not bound, until it is whole */
    parts_fn *on_part;
    void *arg;
};

static void give(const struct parts *p, enum job_part part, struct str text)
{
    p->on_part(p->arg, part, text);
}

static void begin_call(struct parts *p, const struct toolcall_event *ev)
{
    if (p->bound) {
        if (ev->id.n)
            give(p, JOB_CALL_ID, ev->id);
        give(p, JOB_CALL, ev->text);
        return;
    }
    buf_reset(&p->name);
    buf_reset(&p->id);
    buf_reset(&p->arguments);
    buf_str(&p->name, ev->text);
    buf_str(&p->id, ev->id);
}

static void end_call(struct parts *p)
{
    if (!p->bound) {
        if (p->id.n)
            give(p, JOB_CALL_ID, buf_view(&p->id));
        give(p, JOB_CALL, buf_view(&p->name));
        give(p, JOB_ARGUMENTS, buf_view(&p->arguments));
    }
    give(p, JOB_CALL_END, STR(""));
}

static void take(void *arg, const struct toolcall_event *ev)
{
    struct parts *p = arg;
    switch (ev->kind) {
    case TOOLCALL_CONTENT:
        give(p, JOB_CONTENT, ev->text);
        break;
    case TOOLCALL_REASONING:
        give(p, JOB_REASONING, ev->text);
        break;
    case TOOLCALL_BEGIN:
        begin_call(p, ev);
        break;
    case TOOLCALL_ARGUMENTS:
        if (p->bound)
            give(p, JOB_ARGUMENTS, ev->text);
        else
            buf_str(&p->arguments, ev->text);
        break;
    case TOOLCALL_END:
        end_call(p);
        break;
    case TOOLCALL_BROKEN:
        give(p, p->bound ? JOB_CALL_CUT : JOB_CONTENT, ev->text);
        break;
    }
}

struct parts *parts_new(const struct toolcall_format *f, const json_t *tools, struct str prompt,
                        bool bound, struct err *e)
{
    struct parts *p = mem_new(1, sizeof *p, e);
    if (!p)
        return NULL;
    *p = (struct parts){.bound = bound};
    buf_init(&p->name, LIMIT_TOOLCALL_BYTES);
    buf_init(&p->id, LIMIT_TOOLCALL_BYTES);
    buf_init(&p->arguments, LIMIT_TOOLCALL_BYTES);
    if ((p->parser = toolcall_new(f, tools, prompt, take, p, e)) != NULL)
        return p;
    parts_free(p);
    return NULL;
}

void parts_free(struct parts *p)
{
    if (!p)
        return;
    toolcall_free(p->parser);
    buf_clear(&p->name);
    buf_clear(&p->id);
    buf_clear(&p->arguments);
    mem_free(p);
}

void parts_push(struct parts *p, struct str piece, parts_fn *on_part, void *arg)
{
    p->on_part = on_part;
    p->arg = arg;
    toolcall_push(p->parser, piece);
}

void parts_end(struct parts *p, parts_fn *on_part, void *arg)
{
    struct err none; /* memory was short: what there is has been given out */
    p->on_part = on_part;
    p->arg = arg;
    (void)!toolcall_end(p->parser, &none);
}
