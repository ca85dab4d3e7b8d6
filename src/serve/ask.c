/* SPDX-License-Identifier: Apache-2.0 */
/* serve/ask: see ask.h. */
#include "serve/ask.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/os.h"
#include "serve/conn.h"
#include "serve/line.h"
#include "serve/loop.h"
#include "serve/permit.h"
#include "serve/reply.h"

#define CALL_ID 256u /* bytes of one that a model wrote */

/* --- making and ending ---------------------------------------------------------------------------
 */

static void answer_init(struct ask *a, uint32_t i)
{
    struct ask_answer *w = &a->v[i];
    w->ask = a;
    w->index = i;
    buf_init(&w->text, ASK_TEXT);
    buf_init(&w->reasoning, ASK_TEXT);
    buf_init(&w->call_id, CALL_ID);
    buf_init(&w->arguments, LIMIT_TOOLCALL_BYTES);
    buf_init(&w->cut, LIMIT_TOOLCALL_BYTES);
}

static void answer_clear(struct ask_answer *w)
{
    buf_clear(&w->text);
    buf_clear(&w->reasoning);
    buf_clear(&w->call_id);
    buf_clear(&w->arguments);
    buf_clear(&w->cut);
    json_decref(w->calls);
    json_decref(w->logprobs);
    json_decref(w->result);
}

void ask_free(struct ask *a)
{
    if (!a)
        return;
    audit_ask_free(a);
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->v[i].job)
            line_cancel(&a->v[i]);
        answer_clear(&a->v[i]);
    }
    if (a->own)
        a->own_free(a->own);
    mem_free(a->v);
    mem_free(a);
}

/* What there is of answers that have not ended was computed too. */
static void count_cut(struct ask *a)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (a->v[i].job)
            a->v[i].n_generated = a->v[i].n_seen;
    ask_usage(a, &a->x->n_prompt, &a->x->n_cached, &a->x->n_generated);
}

static void gone(struct exchange *x)
{
    struct ask *a = x->work;
    x->work = NULL;
    count_cut(a);
    ask_free(a);
}

static void flow(struct exchange *x)
{
    struct ask *a = x->work;
    for (uint32_t i = 0; i < a->n; i++)
        line_pause(&a->v[i], x->paused);
}

/* The engine has not kept its own deadline. */
static void late(struct exchange *x)
{
    struct ask *a = x->work;
    struct problem p = {.status = 504, .code = "timeout"};
    fail(&p.err, ERR_CANCELLED, "the answer was not there after %u s, the longest time for one",
         x->server->config.request_seconds);
    ask_failed(&a->v[0], &p);
}

struct ask *ask_new(struct exchange *x, struct engine_slot *slot, const struct ask_words *words,
                    uint32_t n, struct problem *p)
{
    struct ask *a = permit_use(x->conn, slot->model, p) ? mem_new(1, sizeof *a, &p->err) : NULL;
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
    for (uint32_t i = 0; i < n; i++)
        answer_init(a, i);
    x->work = a;
    x->gone = gone;
    x->flow = flow;
    x->late = late;
    x->slot = slot;
    x->deadline_ns = x->start_ns + (x->server->config.request_seconds + ASK_LATE_S) * 1000000000ull;
    x->model = slot->model->id;
    a->series = x->series = stats_find(&x->server->stats, x->model, x->conn->key_id);
    return a;
}

/* Those in force for requests that do not say. */
static json_t *lora_scales(const struct engine_slot *slot)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < slot->model->n_adapters; i++)
        json_array_append_new(
            list, json_pack("{si sf}", "id", (int)i, "scale", (double)slot->lora_scale[i]));
    return list;
}

bool ask_submit(struct ask *a, uint32_t i, json_t *job, struct problem *p)
{
    if (!job)
        return fail(&p->err, ERR_LIMIT, "the server is short of memory");
    json_object_set_new(job, "stream", json_boolean(a->stream));
    if (a->slot->model->n_adapters && !json_object_get(job, "lora"))
        json_object_set_new(job, "lora", lora_scales(a->slot));
    a->v[i].asked_ns = os_now_ns();
    bool ok = audit_ask_submit(a, i, job, p);
    json_decref(job);
    return ok;
}

/* --- what comes ----------------------------------------------------------------------------------
 */

/* An id for a call whose model wrote none before it: nine letters and digits, as the templates of
 * Mistral's models want them. */
static void make_call_id(struct buf *id)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuv";
    unsigned char random[9] = {0};
    struct err ignored;
    (void)!os_random(random, sizeof random, &ignored);
    for (size_t i = 0; i < sizeof random; i++)
        buf_add(id, &letters[random[i] % 32], 1);
}

static void begin_call(struct ask_answer *w, struct str name)
{
    if (!w->calls)
        w->calls = json_array();
    if (!w->call_id.n)
        make_call_id(&w->call_id);
    json_t *call = json_pack("{ss% ss% ss}", "id", buf_c(&w->call_id), w->call_id.n, "name", name.p,
                             name.n, "arguments", "");
    w->lost |= w->call_id.bad || json_array_append_new(w->calls, call) != 0;
    buf_reset(&w->call_id);
    buf_reset(&w->arguments);
}

const json_t *ask_call(const struct ask_answer *w)
{
    size_t n = json_array_size(w->calls);
    return n ? json_array_get(w->calls, n - 1) : NULL;
}

static void end_call(struct ask_answer *w, bool cut, struct str text)
{
    json_t *call = (json_t *)(uintptr_t)ask_call(w);
    json_t *all = json_stringn(buf_c(&w->arguments), w->arguments.n);
    buf_str(&w->cut, text);
    w->lost |= w->arguments.bad || w->cut.bad || json_object_set_new(call, "arguments", all) != 0 ||
               json_object_set_new(call, "cut", json_boolean(cut)) != 0;
}

/* Keeps what belongs to a call. */
static void note_call(struct ask_answer *w, enum job_part part, struct str text)
{
    if (part == JOB_CALL_ID)
        buf_str(&w->call_id, text);
    else if (part == JOB_CALL)
        begin_call(w, text);
    else if (part == JOB_ARGUMENTS)
        buf_str(&w->arguments, text);
    else if (part == JOB_CALL_END || part == JOB_CALL_CUT)
        end_call(w, part == JOB_CALL_CUT, text);
}

void ask_part(struct ask_answer *w, enum job_part part, struct str text, json_t *logprobs)
{
    struct ask *a = w->ask;
    audit_ask_text(w, text);
    note_call(w, part, text);
    if (a->stream || a->parts) {
        a->words->part(w, part, text, logprobs);
        return;
    }
    if (part == JOB_CONTENT)
        buf_str(&w->text, text);
    else if (part == JOB_REASONING)
        buf_str(&w->reasoning, text);
    if (!w->logprobs && logprobs)
        w->logprobs = json_incref(logprobs);
    else if (logprobs)
        w->lost |= json_array_extend(w->logprobs, logprobs) != 0;
    w->lost |= w->text.bad || w->reasoning.bad;
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

/* Prompts of several answers are one. */
void ask_started(struct ask_answer *w)
{
    struct stats *s = &w->ask->x->server->stats;
    if (w->index % w->ask->per_prompt != 0)
        return;
    stats_add(s, w->ask->series, STATS_PROMPT, w->n_prompt);
    stats_add(s, w->ask->series, STATS_CACHED, w->n_cached);
}

static double seconds_since(uint64_t ns, uint64_t now)
{
    return now > ns ? (double)(now - ns) / 1e9 : 0;
}

/* Where it is not streamed the pieces are longer, and the engine says at the end when they were
 * made. */
void ask_tokens(struct ask_answer *w, uint32_t n_new)
{
    struct ask *a = w->ask;
    struct stats *s = &a->x->server->stats;
    uint64_t now = os_now_ns();
    if (n_new == 0)
        return;
    stats_add(s, a->series, STATS_GENERATED, n_new);
    if (a->stream && !w->seen_ns)
        stats_measure(s, a->series, STATS_FIRST_TOKEN, seconds_since(a->x->start_ns, now), 1);
    else if (a->stream)
        stats_measure(s, a->series, STATS_BETWEEN, seconds_since(w->seen_ns, now) / n_new, n_new);
    w->n_seen += n_new;
    w->seen_ns = now;
}

static void count_answer(struct stats *s, uint32_t series, const struct ask_answer *w)
{
    double before = seconds_since(w->ask->x->start_ns, w->asked_ns);
    if (w->n_generated > w->n_seen)
        stats_add(s, series, STATS_GENERATED, w->n_generated - w->n_seen);
    stats_add(s, series, STATS_GUESSED, w->n_guessed);
    stats_add(s, series, STATS_RIGHT, w->n_right);
    s->prompt_s += w->prompt_s;
    s->decode_s += w->decode_s;
    if (w->finish[0])
        stats_measure(s, series, STATS_QUEUE, before + w->queue_s, 1);
    if (w->ask->stream || w->n_generated == 0)
        return;
    stats_measure(s, series, STATS_FIRST_TOKEN, before + w->first_token_s, 1);
    if (w->n_generated > 1)
        stats_measure(s, series, STATS_BETWEEN, w->decode_s / (w->n_generated - 1),
                      w->n_generated - 1);
}

static void count(struct ask *a)
{
    ask_usage(a, &a->x->n_prompt, &a->x->n_cached, &a->x->n_generated);
    for (uint32_t i = 0; i < a->n; i++)
        count_answer(&a->x->server->stats, a->series, &a->v[i]);
}

/* An answer with a hole is none. */
static bool is_whole(struct ask_answer *w)
{
    struct problem p = {0};
    if (!w->lost)
        return true;
    fail(&p.err, ERR_LIMIT, "the server is short of memory");
    p.status = 503;
    ask_failed(w, &p);
    return false;
}

void ask_ended(struct ask_answer *w)
{
    struct ask *a = w->ask;
    if (!is_whole(w))
        return;
    a->n_ended++;
    if ((a->stream || a->parts) && a->words->end)
        a->words->end(w);
    if (a->n_ended < a->n)
        return;
    count(a);
    if (audit_ask_end(a))
        a->words->whole(a);
}

void ask_over(struct ask *a, const struct problem *why)
{
    struct problem p = *why;
    if (a->begun) {
        a->x->error = err_name(p.err.code);
        a->words->broken(a, &p);
    } else {
        reply_problem(a->x, &p);
    }
}

void ask_failed(struct ask_answer *w, const struct problem *why)
{
    struct ask *a = w->ask;
    if (audit_ask_fail(a, why))
        ask_over(a, why);
}
