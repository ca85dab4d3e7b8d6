/* SPDX-License-Identifier: Apache-2.0 */
/* serve/ask: see ask.h. */
#include "serve/ask.h"

#include <string.h>

#include "base/mem.h"
#include "serve/conn.h"
#include "serve/line.h"
#include "serve/loop.h"
#include "serve/reply.h"

/* --- making and ending ---------------------------------------------------------------------------
 */

void ask_free(struct ask *a)
{
    if (!a)
        return;
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->v[i].job)
            line_cancel(&a->v[i]);
        buf_clear(&a->v[i].text);
        json_decref(a->v[i].logprobs);
        json_decref(a->v[i].result);
    }
    mem_free(a->v);
    mem_free(a);
}

static void gone(struct exchange *x)
{
    struct ask *a = x->work;
    x->work = NULL;
    ask_free(a);
}

struct ask *ask_new(struct exchange *x, struct engine_slot *slot, const struct ask_words *words,
                    uint32_t n, struct problem *p)
{
    struct ask *a = mem_new(1, sizeof *a, &p->err);
    if (!a)
        return NULL;
    *a = (struct ask){.x = x,
                      .words = words,
                      .slot = slot,
                      .n = n,
                      .per_prompt = 1,
                      .top_logprobs = -1,
                      .v = mem_new(n, sizeof *a->v, &p->err)};
    if (!a->v) {
        mem_free(a);
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++) {
        a->v[i].ask = a;
        a->v[i].index = i;
        buf_init(&a->v[i].text, ASK_TEXT);
    }
    x->work = a;
    x->gone = gone;
    x->model = slot->model->id;
    return a;
}

bool ask_submit(struct ask *a, uint32_t i, json_t *job, struct problem *p)
{
    if (!job)
        return fail(&p->err, ERR_LIMIT, "the server is short of memory");
    json_object_set_new(job, "stream", json_boolean(a->stream));
    bool ok = line_submit(a->slot, &a->v[i], job, p);
    json_decref(job);
    return ok;
}

/* --- what comes ----------------------------------------------------------------------------------
 */

void ask_text(struct ask_answer *w, struct str text, json_t *logprobs)
{
    struct ask *a = w->ask;
    if (a->stream) {
        a->words->part(w, text, logprobs);
        if (conn_pending(a->x->conn) > CONN_FULL)
            conn_close(a->x->conn); /* it reads too slowly for what it asked for */
        return;
    }
    buf_str(&w->text, text);
    if (!w->logprobs && logprobs)
        w->logprobs = json_incref(logprobs);
    else if (logprobs)
        json_array_extend(w->logprobs, logprobs);
}

bool ask_cut(const struct ask_answer *w)
{
    return strcmp(w->finish, "end") != 0 && strcmp(w->finish, "stop") != 0;
}

void ask_usage(const struct ask *a, uint32_t *n_prompt, uint32_t *n_cached, uint32_t *n_generated)
{
    *n_prompt = *n_cached = *n_generated = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        if (i % a->per_prompt == 0) {
            *n_prompt += a->v[i].n_prompt;
            *n_cached += a->v[i].n_cached;
        }
        *n_generated += a->v[i].n_generated;
    }
}

static void count(struct ask *a)
{
    struct stats *s = &a->x->server->stats;
    ask_usage(a, &a->x->n_prompt, &a->x->n_cached, &a->x->n_generated);
    s->n_prompt += a->x->n_prompt;
    s->n_cached += a->x->n_cached;
    s->n_generated += a->x->n_generated;
    for (uint32_t i = 0; i < a->n; i++) {
        s->prompt_s += a->v[i].prompt_s;
        s->decode_s += a->v[i].decode_s;
    }
}

void ask_ended(struct ask_answer *w)
{
    struct ask *a = w->ask;
    a->n_ended++;
    if (a->stream && a->words->end)
        a->words->end(w);
    if (a->n_ended < a->n)
        return;
    count(a);
    a->words->whole(a);
}

void ask_failed(struct ask_answer *w, const struct problem *why)
{
    struct ask *a = w->ask;
    struct problem p = *why;
    if (a->begun) {
        a->x->error = err_name(p.err.code);
        a->words->broken(a, &p);
    } else {
        reply_problem(a->x, &p);
    }
}
