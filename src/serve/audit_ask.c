/* SPDX-License-Identifier: Apache-2.0 */
/* serve/audit_ask: see audit_ask.h. */
#include "serve/audit_ask.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "guard/audit_act.h"
#include "serve/ask.h"
#include "serve/conn.h"
#include "serve/line.h"
#include "serve/loop.h"
#include "serve/reply.h"

#define PART_BYTES (16u << 10) /* of a text, in one record */

static struct audit_line *line_of(const struct exchange *x)
{
    return &x->server->audit;
}

/* --- begin ---------------------------------------------------------------------------------------
 */

/* The text in pieces; of a request that is to be recorded whole. */
static bool send_text(struct exchange *x, const char *of, struct str text, struct problem *p)
{
    for (int part = 0; text.n; part++) {
        size_t n = text.n < PART_BYTES ? text.n : str_utf8_floor(text.p, PART_BYTES);
        json_t *j = audit_act("content", x->id, "note");
        json_object_update_new(j,
                               json_pack("{ss si ss%}", "of", of, "part", part, "text", text.p, n));
        if (!audit_line_send(line_of(x), j, false, NULL, p))
            return false;
        text = str_from(text, n);
    }
    return true;
}

/* What was asked, as JSON without blanks: its hash, or all of it before the record itself. */
static bool add_request(struct exchange *x, json_t *record, struct problem *p)
{
    struct buf text;
    if (audit_line_content() == AUDIT_NOTHING || !x->body)
        return true;
    buf_init(&text, LIMIT_HTTP_BODY * 2ull);
    bool ok = json_write(x->body, JSON_COMPACT, &text, &p->err) &&
              audit_act_hash(record, audit_line_content(), "request", buf_view(&text), &p->err) &&
              (audit_line_content() != AUDIT_FULL || send_text(x, "request", buf_view(&text), p));
    buf_clear(&text);
    return ok;
}

static json_t *begin_record(const struct ask *a)
{
    const struct served *m = a->slot->model;
    json_t *j = audit_act("request", a->x->id, "begin");
    json_object_update_new(j, json_pack("{ss so ss ss}", "what", a->x->route->path, "who",
                                        audit_line_who(a->x->conn), "model", m->id, "digest",
                                        m->digest));
    return j;
}

struct early { /* before its payload */
    enum job_kind kind;
    uint64_t id;
    size_t n;
};

bool audit_ask_lets(struct ask_answer *w, const struct job_message *m)
{
    struct audit_ask *t = &w->ask->audit;
    const struct early head = {m->kind, m->id, m->payload.n};
    if (!t->begun || t->ready)
        return true;
    buf_add(&t->early, &head, sizeof head);
    buf_str(&t->early, m->payload);
    return false;
}

/* Any of it may end the ask: so it is not looked at any more. */
static void say_early(struct engine_slot *slot, struct buf *early)
{
    struct str rest = buf_view(early);
    struct early head;
    while (rest.n >= sizeof head) {
        memcpy(&head, rest.p, sizeof head);
        rest = str_from(rest, sizeof head);
        line_deliver(slot, &(struct job_message){.kind = head.kind,
                                                 .id = head.id,
                                                 .payload = str_sub(rest, 0, head.n)});
        rest = str_from(rest, head.n);
    }
    buf_clear(early);
}

static json_t *end_record(struct ask *a, const char *outcome);

static struct ask *ask_of(struct audit_wait *w)
{
    return (struct ask *)(void *)((char *)w - offsetof(struct ask, audit.wait));
}

static void on_begun(struct audit_wait *w, const struct problem *p)
{
    struct ask *a = ask_of(w);
    struct buf early = a->audit.early;
    struct problem why = p ? *p : (struct problem){0};
    buf_init(&a->audit.early, 0);
    a->audit.ready = true;
    if (!p && early.bad) {
        buf_clear(&early);
        fail(&why.err, ERR_LIMIT, "the server is short of memory");
        ask_failed(&a->v[0], &why);
    } else if (!p) {
        say_early(a->slot, &early);
    } else {
        buf_clear(&early);
        a->audit.begun = false; /* nothing to end */
        for (uint32_t i = 0; i < a->n; i++)
            line_cancel(&a->v[i]);
        ask_over(a, &why);
    }
}

static bool begin(struct ask *a, struct problem *p)
{
    json_t *record = begin_record(a);
    if (!audit_line_ready(line_of(a->x), p) || !add_request(a->x, record, p)) {
        json_decref(record);
        return false;
    }
    a->audit.wait.done = on_begun;
    buf_init(&a->audit.early, 2 * (JOB_MOST + JOB_HEAD));
    a->audit.begun = audit_line_send(line_of(a->x), record, true, &a->audit.wait, p);
    return a->audit.begun;
}

bool audit_ask_submit(struct ask *a, uint32_t i, json_t *job, struct problem *p)
{
    if (audit_line_expected() && !a->audit.begun && !a->audit.ready && !begin(a, p))
        return false;
    if (line_submit(a->slot, &a->v[i], job, p))
        return true;
    if (a->audit.begun) { /* and ended at once */
        audit_line_forget(line_of(a->x), &a->audit.wait);
        audit_line_note(line_of(a->x), end_record(a, err_name(p->err.code)));
        a->audit.begun = false;
        a->audit.ready = true;
    }
    return false;
}

/* --- the answer ----------------------------------------------------------------------------------
 */

static void send_part(struct ask_answer *w)
{
    struct audit_answer *t = &w->audit;
    json_t *j = audit_act("content", w->ask->x->id, "note");
    json_object_update_new(j,
                           json_pack("{ss si si ss%}", "of", "answer", "answer", (int)w->index,
                                     "part", (int)t->parts++, "text", buf_c(&t->part), t->part.n));
    audit_line_note(line_of(w->ask->x), j);
    buf_reset(&t->part);
}

void audit_ask_text(struct ask_answer *w, struct str text)
{
    struct audit_answer *t = &w->audit;
    struct err ignored;
    if (!w->ask->audit.begun || audit_line_content() == AUDIT_NOTHING || !text.n)
        return;
    if (!t->hash.ctx && !hash_begin(&t->hash, &ignored))
        return;
    (void)!hash_add(&t->hash, text.p, text.n, &ignored);
    t->bytes += text.n;
    if (audit_line_content() != AUDIT_FULL)
        return;
    if (!t->part.max)
        buf_init(&t->part, 1u << 20);
    buf_str(&t->part, text);
    if (t->part.n >= PART_BYTES)
        send_part(w);
}

/* {sha256, bytes} of what was said. */
static json_t *answer_json(struct ask_answer *w)
{
    struct audit_answer *t = &w->audit;
    struct hash h;
    struct err ignored;
    char hex[2 * HASH_BYTES + 1];
    if (!t->hash.ctx || !hash_end(&t->hash, &h, &ignored))
        return NULL;
    hash_hex(&h, hex);
    return json_pack("{ss sI}", "sha256", hex, "bytes", (json_int_t)t->bytes);
}

/* --- end -----------------------------------------------------------------------------------------
 */

static json_t *end_record(struct ask *a, const char *outcome)
{
    uint32_t n_prompt, n_cached, n_generated;
    json_t *j = audit_act("request", a->x->id, "end"), *answers = json_array();
    ask_usage(a, &n_prompt, &n_cached, &n_generated);
    for (uint32_t i = 0; i < a->n; i++) {
        json_t *one = answer_json(&a->v[i]);
        if (a->v[i].audit.part.n)
            send_part(&a->v[i]);
        if (one && a->v[i].finish[0])
            json_object_set_new(one, "finish", json_string(a->v[i].finish));
        if (one)
            json_array_append_new(answers, one);
    }
    json_object_update_new(j, json_pack("{ss si si si so*}", "outcome", outcome, "prompt_tokens",
                                        (int)n_prompt, "answer_tokens", (int)n_generated,
                                        "answers_n", (int)a->n, "answers", answers));
    return j;
}

static void on_ended(struct audit_wait *w, const struct problem *p)
{
    struct ask *a = ask_of(w);
    struct problem why = a->audit.failed ? a->audit.why : p ? *p : (struct problem){0};
    a->audit.begun = false;
    if (p) /* the end is not on record: as soon as it can be */
        audit_line_note(line_of(a->x), end_record(a, "audit_failed"));
    if (a->audit.failed || p)
        ask_over(a, &why);
    else
        a->words->whole(a);
}

/* False: somebody waits. */
static bool end(struct ask *a, const char *outcome)
{
    struct problem p = {0};
    if (!a->audit.begun)
        return true;
    a->audit.ending = true;
    audit_line_forget(line_of(a->x), &a->audit.wait); /* its beginning is durable before its end */
    a->audit.wait.done = on_ended;
    if (audit_line_send(line_of(a->x), end_record(a, outcome), false, &a->audit.wait, &p))
        return false;
    on_ended(&a->audit.wait, &p);
    return false;
}

bool audit_ask_end(struct ask *a)
{
    return end(a, "ok");
}

bool audit_ask_fail(struct ask *a, const struct problem *why)
{
    if (!a->audit.begun)
        return true;
    a->audit.failed = true;
    a->audit.why = *why;
    for (uint32_t i = 0; i < a->n; i++)
        line_cancel(&a->v[i]);
    return end(a, err_name(why->err.code));
}

void audit_ask_free(struct ask *a)
{
    audit_line_forget(line_of(a->x), &a->audit.wait);
    if (a->audit.begun && !a->audit.ending)
        audit_line_note(line_of(a->x), end_record(a, err_name(ERR_CANCELLED)));
    for (uint32_t i = 0; i < a->n; i++) {
        hash_end(&a->v[i].audit.hash, NULL, NULL);
        buf_clear(&a->v[i].audit.part);
    }
    buf_clear(&a->audit.early);
}

/* --- calls that are on record as such
 * -----------------------------------------------------------------
 */

static struct exchange *call_of(struct audit_wait *w)
{
    return (struct exchange *)(void *)((char *)w - offsetof(struct exchange, audit));
}

static void on_call_begun(struct audit_wait *w, const struct problem *p)
{
    struct exchange *x = call_of(w);
    x->audited = !p;
    if (p)
        reply_problem(x, p);
    else
        x->route->answer(x);
}

/* What is asked: a row of the table, and where that is for many, the path itself. */
static json_t *call_record(const struct exchange *x)
{
    static const char *const fields[] = {"model", "name", "source", "destination", "from"};
    struct str path = x->conn->http.req.path;
    struct buf clean;
    buf_init(&clean, 4096);
    json_t *j = audit_act(x->server->routes->act, x->id, "begin");
    audit_act_clean(str_sub(path, 0, path.n < 1024 ? path.n : 1024), &clean);
    bool many = x->route->path[strlen(x->route->path) - 1] == '*';
    json_object_update_new(j, json_pack("{ss so}", "what", many ? buf_c(&clean) : x->route->path,
                                        "who", audit_line_who(x->conn)));
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (json_string_length(json_object_get(x->body, fields[i])) - 1 < 1024)
            json_object_set(j, fields[i], json_object_get(x->body, fields[i]));
    buf_clear(&clean);
    return j;
}

bool audit_call_begin(struct exchange *x)
{
    const struct routes *all = x->server->routes;
    struct problem p = {0};
    bool streams = x->conn->http.streaming;
    bool asks_only = x->route->method == HTTP_METHOD_OPTIONS; /* and is no row of the table */
    if (!audit_line_expected() || asks_only || x->route < all->v + all->n_quiet)
        return true;
    x->audit.done = on_call_begun;
    bool ok = audit_line_send(line_of(x), call_record(x), true, streams ? NULL : &x->audit, &p);
    x->audited = ok && streams; /* its body does not wait */
    if (!ok)
        reply_problem(x, &p);
    return ok && streams;
}

void audit_call_end(struct exchange *x, bool gone)
{
    audit_line_forget(line_of(x), &x->audit);
    if (!x->audited)
        return;
    json_t *j = audit_act(x->server->routes->act, x->id, "end");
    json_object_update_new(j, json_pack("{ss si ss* sI}", "outcome",
                                        gone       ? err_name(ERR_CANCELLED)
                                        : x->error ? x->error
                                                   : "ok",
                                        "status", gone ? 499 : x->status, "model",
                                        x->model && x->model[0] ? x->model : NULL, "bytes",
                                        (json_int_t)x->n_bytes));
    audit_line_note(line_of(x), j);
}
