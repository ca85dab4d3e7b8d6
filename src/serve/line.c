/* SPDX-License-Identifier: Apache-2.0 */
/* serve/line: see line.h. The low bits of a job's id are its place in a table, the rest counts up,
 * so that a late word about a job that is over finds nobody. */
#include "serve/line.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/os.h"
#include "run/job.h"
#include "serve/log.h"
#include "serve/loop.h"
#include "serve/permit.h"

#define PLACE_BITS 17u /* more than config's parallel and queue together */
#define PLACES     (1u << PLACE_BITS)

struct line {
    uv_pipe_t pipe;
    struct engine_slot *slot; /* NULL: cut off */
    struct job_reader reader;
    struct ask_answer **place; /* [n_places] */
    uint32_t n_places, first_free;
    size_t cap;
    uint64_t count;
};

/* --- who gets what -------------------------------------------------------------------------------
 */

static struct ask_answer *receiver(const struct line *l, uint64_t id)
{
    uint64_t place = id & (PLACES - 1);
    struct ask_answer *w = place < l->n_places ? l->place[place] : NULL;
    return w && w->job == id ? w : NULL;
}

static bool take_place(struct line *l, struct ask_answer *w, struct err *e)
{
    uint32_t at = l->first_free;
    while (at < l->n_places && l->place[at])
        at++;
    if (at == PLACES - 1)
        return fail(e, ERR_BUSY, "too many requests are under way");
    if (at == l->n_places) {
        if (!mem_grow(&l->place, at, &l->cap, sizeof(struct ask_answer *), e))
            return false;
        l->n_places++;
    }
    l->place[at] = w;
    l->first_free = at + 1;
    w->job = ++l->count << PLACE_BITS | at;
    w->line = l;
    if (l->slot->n_jobs++ == 0)
        engines_busy(l->slot);
    return true;
}

static void leave_place(struct line *l, struct ask_answer *w)
{
    uint32_t at = (uint32_t)(w->job & (PLACES - 1));
    l->place[at] = NULL;
    if (at < l->first_free)
        l->first_free = at;
    w->job = 0;
    w->line = NULL;
    if (--l->slot->n_jobs == 0)
        engines_idle(l->slot);
}

/* --- out -----------------------------------------------------------------------------------------
 */

struct line_write {
    uv_write_t req;
    struct buf bytes;
};

static void on_written(uv_write_t *req, int status)
{
    struct line_write *w = req->data;
    (void)status; /* a broken line is noticed by who reads it */
    buf_clear(&w->bytes);
    mem_free(w);
}

/* Sends and empties out. */
static bool send_bytes(struct line *l, struct buf *out, struct err *e)
{
    if (!buf_ok(out, "job", e)) {
        buf_clear(out);
        return false;
    }
    struct line_write *w = mem_new(1, sizeof *w, e);
    if (!w) {
        buf_clear(out);
        return false;
    }
    w->bytes = *out;
    w->req.data = w;
    uv_buf_t b = uv_buf_init(out->p, (unsigned)out->n);
    if (uv_write(&w->req, (uv_stream_t *)&l->pipe, &b, 1, on_written) == 0)
        return true;
    on_written(&w->req, 0);
    return fail(e, ERR_INTERNAL, "the line to the engine is broken");
}

/* A request is refused before its first job or not at all: a hundred texts to embed are one. */
static bool too_many(const struct engine_slot *slot, const struct ask_answer *w, struct problem *p)
{
    const struct config *c = &slot->server->config;
    uint32_t places = c->parallel + c->queue;
    if (w->index > 0)
        return false;
    if (slot->n_jobs < places)
        return !permit_place(w->ask->x, places - slot->n_jobs, p);
    p->retry_s = 1 + slot->n_jobs / c->parallel;
    p->code = "overloaded";
    fail(&p->err, ERR_BUSY, "%u requests are under way and no more may wait; try again in %u s",
         slot->n_jobs, p->retry_s);
    return true;
}

/* The answers to one request have a copy of its text each: they must not pile up before an engine
 * that is busy. */
static bool has_room(const struct engine_slot *slot, struct buf *out, struct err *e)
{
    size_t waiting = uv_stream_get_write_queue_size((const uv_stream_t *)&slot->line->pipe);
    if (waiting == 0 || waiting + out->n <= slot->server->config.max_bodies)
        return true;
    buf_clear(out);
    return fail(e, ERR_BUSY, "too much is on its way to the model's engine; try again");
}

static bool send_job(struct engine_slot *slot, struct ask_answer *w, enum job_kind kind,
                     const json_t *job, struct problem *p)
{
    struct buf out;
    if (!slot->line)
        return fail(&p->err, ERR_BUSY, "the model's engine is being started; try again");
    if (!take_place(slot->line, w, &p->err))
        return false;
    buf_init(&out, JOB_MOST + JOB_HEAD);
    job_put_json(&out, kind, w->job, job);
    if (has_room(slot, &out, &p->err) && send_bytes(slot->line, &out, &p->err))
        return true;
    leave_place(slot->line, w);
    return false;
}

bool line_submit(struct engine_slot *slot, struct ask_answer *w, json_t *job, struct problem *p)
{
    uint64_t ms = slot->server->config.request_seconds * 1000ull;
    json_object_set_new(job, "deadline_ms", json_integer((json_int_t)ms));
    json_object_set_new(job, "tenant", json_string(w->ask->x->conn->tenant));
    return !too_many(slot, w, p) && send_job(slot, w, JOB_SUBMIT, job, p);
}

bool line_ask_stats(struct engine_slot *slot, struct ask_answer *w, struct problem *p)
{
    json_t *none = json_object();
    bool ok = send_job(slot, w, JOB_STATS, none, p);
    json_decref(none);
    return ok;
}

static void say_text(struct line *l, enum job_kind kind, uint64_t id, struct str payload)
{
    struct buf out;
    struct err e;
    if (l->slot->line != l) /* it is being closed */
        return;
    buf_init(&out, 256);
    job_put(&out, kind, id, payload);
    if (!send_bytes(l, &out, &e))
        log_event("say-failed", "%s", e.msg);
}

/* A message of no more than its kind. */
static void say(struct line *l, enum job_kind kind, uint64_t id)
{
    say_text(l, kind, id, STR(""));
}

void line_grant(struct engine_slot *slot, uint64_t bytes)
{
    char text[48];
    snprintf(text, sizeof text, "{\"bytes\":%llu}", (unsigned long long)bytes);
    if (slot->line)
        say_text(slot->line, JOB_GRANT, 0, str_of(text));
}

void line_shutdown(struct engine_slot *slot)
{
    if (slot->line)
        say(slot->line, JOB_SHUTDOWN, 0);
}

void line_cancel(struct ask_answer *w)
{
    struct line *l = w->line;
    uint64_t id = w->job;
    if (!l)
        return;
    leave_place(l, w);
    say(l, JOB_CANCEL, id);
}

void line_pause(struct ask_answer *w, bool paused)
{
    if (w->line)
        say(w->line, paused ? JOB_PAUSE : JOB_RESUME, w->job);
}

/* --- in ------------------------------------------------------------------------------------------
 */

/* A token's alternatives under the name that all dialects but one give them. */
static json_t *token_object(const json_t *t)
{
    json_t *top = json_array();
    const json_t *given = json_object_get(t, "top");
    for (size_t i = 0; i < json_array_size(given); i++) {
        const json_t *one = json_array_get(given, i);
        json_array_append_new(top, json_pack("{sO sO sO}", "token", json_object_get(one, "token"),
                                             "logprob", json_object_get(one, "logprob"), "bytes",
                                             json_object_get(one, "bytes")));
    }
    return json_pack("{sO sO sO so}", "token", json_object_get(t, "token"), "logprob",
                     json_object_get(t, "logprob"), "bytes", json_object_get(t, "bytes"),
                     "top_logprobs", top);
}

/* NULL: none. */
static json_t *read_logprobs(struct str text)
{
    struct err ignored;
    json_t *given = text.n ? json_parse(text, "logprobs", &ignored) : NULL;
    json_t *list = given ? json_array() : NULL;
    for (size_t i = 0; i < json_array_size(given); i++)
        json_array_append_new(list, token_object(json_array_get(given, i)));
    json_decref(given);
    return list;
}

static bool on_started(struct ask_answer *w, const struct job_message *m, struct err *e)
{
    bool ok = job_started(m, &w->n_prompt, &w->n_cached, e);
    if (ok)
        ask_started(w);
    return ok;
}

static bool on_text(struct ask_answer *w, const struct job_message *m, struct err *e)
{
    struct job_text t;
    if (!job_text(m, &t, e))
        return false;
    ask_tokens(w, t.n_ids);
    json_t *logprobs = read_logprobs(t.logprobs);
    if (t.part == JOB_REASONING)
        w->n_reasoning += t.n_ids;
    if (t.text.n || t.part > JOB_REASONING || json_array_size(logprobs))
        ask_part(w, t.part, t.text, logprobs);
    json_decref(logprobs);
    return true;
}

static bool on_done(struct line *l, struct ask_answer *w, const struct job_message *m,
                    struct err *e)
{
    struct job_done d;
    struct problem p = {0};
    if (!job_done(m, &d, e))
        return false;
    leave_place(l, w);
    memcpy(w->finish, d.finish, sizeof w->finish);
    memcpy(w->stop, d.stop, sizeof w->stop);
    w->n_prompt = d.n_prompt;
    w->n_cached = d.n_reused;
    w->n_generated = d.n_generated;
    w->n_guessed = d.n_guessed;
    w->n_right = d.n_right;
    w->queue_s = d.queue_s;
    w->prompt_s = d.prompt_s;
    w->first_token_s = d.first_token_s;
    w->decode_s = d.decode_s;
    if (strcmp(d.finish, "cancelled") != 0) {
        ask_ended(w);
        return true;
    }
    fail(&p.err, ERR_CANCELLED, "the answer was cancelled");
    p.status = 503; /* not by the client: it would not be here any more */
    ask_failed(w, &p);
    return true;
}

static bool on_result(struct line *l, struct ask_answer *w, const struct job_message *m,
                      struct err *e)
{
    json_t *result = job_json(m, e);
    if (!result)
        return false;
    leave_place(l, w);
    w->result = result;
    w->n_prompt = (uint32_t)json_integer_value(json_object_get(result, "n_prompt"));
    json_object_del(result, "n_prompt");
    if (m->kind == JOB_RESULT)
        ask_started(w);
    ask_ended(w);
    return true;
}

/* The field of the job that is at fault, in the words of the request. */
static const char *param_of(const struct ask_answer *w, const struct job_error *p)
{
    static const char *const same[] = {"tools",  "context_window", "context_shift",
                                       "suffix", "grammar",        "settings"};
    if (strcmp(p->field, "prompt") == 0 || strcmp(p->field, "messages") == 0 || p->n_ctx)
        return w->ask->param;
    if (strcmp(p->field, "schema") == 0)
        return w->ask->schema_param;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (strcmp(p->field, same[i]) == 0)
            return same[i];
    const struct setting *s = settings_find(str_of(p->field));
    return s ? s->key : NULL;
}

static bool on_error(struct line *l, struct ask_answer *w, const struct job_message *m,
                     struct err *e)
{
    struct job_error j;
    if (!job_error(m, &j, e))
        return false;
    struct problem p = {.err = j.err, .retry_s = j.retry_s, .param = param_of(w, &j)};
    if (j.n_ctx)
        p.code = "context_length_exceeded";
    if (j.err.code == ERR_UNSUPPORTED || j.err.code == ERR_CORRUPT)
        p.status = 400; /* what was asked is at fault: the model has been loaded */
    leave_place(l, w);
    ask_failed(w, &p);
    return true;
}

static bool on_ready(struct line *l, const struct job_message *m, struct err *e)
{
    json_t *info = job_json(m, e);
    if (info)
        engines_said_ready(l->slot, info);
    return info != NULL;
}

static bool on_plan(struct line *l, const struct job_message *m, struct err *e)
{
    json_t *j = job_json(m, e);
    json_int_t least = json_integer_value(json_object_get(j, "least"));
    json_int_t most = json_integer_value(json_object_get(j, "most"));
    json_decref(j);
    if (!j)
        return false;
    if (least <= 0 || most <= 0)
        return fail(e, ERR_CORRUPT, "the engine does not say how much memory it needs");
    engines_plan(l->slot, (uint64_t)least, (uint64_t)most);
    return true;
}

/* How far its weights are packed. */
static bool on_loading(struct line *l, const struct job_message *m, struct err *e)
{
    json_t *j = job_json(m, e);
    double done = json_number_value(json_object_get(j, "done"));
    double total = json_number_value(json_object_get(j, "total"));
    json_decref(j);
    if (!j)
        return false;
    if (total > 0 && done >= 0 && done <= total)
        l->slot->progress = done / total;
    return true;
}

/* Of no job: its numbers, or why it will not be there. */
static bool on_own_words(struct line *l, const struct job_message *m, struct err *e)
{
    struct engine_slot *slot = l->slot;
    struct job_error why;
    if (m->kind == JOB_ERROR && job_error(m, &why, e)) {
        engines_said_why(slot, &why.err);
        return true;
    }
    json_t *stats = m->kind == JOB_STATS ? job_json(m, e) : NULL;
    if (!stats)
        return false;
    json_decref(slot->stats);
    slot->stats = stats;
    return true;
}

static bool dispatch(struct line *l, const struct job_message *m, struct err *e)
{
    struct ask_answer *w = receiver(l, m->id);
    if (m->kind == JOB_READY)
        return on_ready(l, m, e);
    if (m->kind == JOB_PLAN)
        return on_plan(l, m, e);
    if (m->kind == JOB_LOADING)
        return on_loading(l, m, e);
    if (m->id == 0 && (m->kind == JOB_ERROR || m->kind == JOB_STATS))
        return on_own_words(l, m, e);
    if (!w || !audit_ask_lets(w, m)) /* cancelled meanwhile; not on record yet */
        return true;
    switch (m->kind) {
    case JOB_STARTED:
        return on_started(w, m, e);
    case JOB_TEXT:
        return on_text(w, m, e);
    case JOB_DONE:
        return on_done(l, w, m, e);
    case JOB_RESULT:
    case JOB_STATS:
        return on_result(l, w, m, e);
    case JOB_ERROR:
        return on_error(l, w, m, e);
    default:
        return true;
    }
}

/* --- open and closed -----------------------------------------------------------------------------
 */

static void on_closed(uv_handle_t *handle)
{
    struct line *l = handle->data;
    job_reader_clear(&l->reader);
    mem_free(l->place);
    mem_free(l);
}

void line_close(struct engine_slot *slot)
{
    struct line *l = slot->line;
    struct problem p = {.status = 503, .code = "engine_lost", .retry_s = 2};
    if (!l)
        return;
    slot->line = NULL; /* nothing more is sent on it */
    fail(&p.err, ERR_INTERNAL,
         "the engine of this model has fallen in the middle of the work; another is being started: "
         "ask again");
    for (uint32_t i = 0; i < l->n_places; i++) {
        struct ask_answer *w = l->place[i];
        if (!w)
            continue;
        leave_place(l, w);
        ask_failed(w, &p);
    }
    slot->n_jobs = 0;
    l->slot = NULL;
    uv_close((uv_handle_t *)&l->pipe, on_closed);
}

void line_stop_all(struct engine_slot *slot, const struct problem *p)
{
    struct line *l = slot->line;
    for (uint32_t i = 0; l && slot->line == l && i < l->n_places; i++) {
        struct ask_answer *w = l->place[i];
        if (!w)
            continue;
        line_cancel(w);
        ask_failed(w, p);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *b)
{
    struct line *l = handle->data;
    (void)suggested;
    struct server *s = l->slot->server;
    *b = uv_buf_init(s->read_bytes, sizeof s->read_bytes);
}

static bool take(struct line *l, const char *p, size_t n, struct err *e)
{
    struct job_message m;
    bool got = true;
    if (!job_feed(&l->reader, p, n, e))
        return false;
    while (got && l->slot) {
        if (!job_next(&l->reader, &m, &got, e) || (got && !dispatch(l, &m, e)))
            return false;
    }
    return true;
}

static void report_engine(const struct engine_slot *slot, const struct err *e)
{
    log_event("engine-failed", "%s: %s", slot->model->id, e->msg);
    loop_tell(slot->server, CONTROL_KILL_ENGINE, slot->index);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct line *l = stream->data;
    struct err e = {0};
    if (n == 0 || !l->slot)
        return;
    if (n > 0 && take(l, b->base, (size_t)n, &e))
        return;
    if (n > 0)
        report_engine(l->slot, &e);
    if (l->slot)
        engines_ended(l->slot);
}

void line_deliver(struct engine_slot *slot, const struct job_message *m)
{
    struct err e = {0};
    if (!slot->line || dispatch(slot->line, m, &e))
        return;
    report_engine(slot, &e);
    engines_ended(slot);
}

bool line_open(struct engine_slot *slot, uv_pipe_t *control, struct err *e)
{
    struct line *l = mem_new(1, sizeof *l, e);
    if (!l)
        return false;
    l->slot = slot;
    l->pipe.data = l;
    job_reader_init(&l->reader, false);
    uv_pipe_init(&slot->server->loop, &l->pipe, 0);
    if (uv_accept((uv_stream_t *)control, (uv_stream_t *)&l->pipe) != 0 ||
        uv_read_start((uv_stream_t *)&l->pipe, on_alloc, on_read) != 0) {
        uv_close((uv_handle_t *)&l->pipe, on_closed);
        return fail(e, ERR_INTERNAL, "the line to the engine could not be taken");
    }
    slot->line = l;
    return true;
}
