/* SPDX-License-Identifier: Apache-2.0 */
/* serve/ollama_store: the calls of Ollama's API that change what is in the store. Each becomes an
 * order for the keeper (serve/orders); the front itself writes nothing. Only a key with the role of
 * an operator gets here (serve/route). */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "serve/dialects.h"
#include "serve/fields.h"
#include "serve/loop.h"
#include "serve/reply.h"
#include "serve/sse.h"

#define CREATE_BYTES                                                                               \
    (48u << 10) /* of what a model is made of: it goes to the keeper in one packet */

struct ordering {
    struct keeper_ask ask;
    struct exchange *x;
    bool stream; /* with progress, a line each; else one object */
    bool says;   /* its success is an object; else an empty body */
};

static struct exchange *take_exchange(struct keeper_ask *q)
{
    struct ordering *o = (struct ordering *)(void *)q;
    struct exchange *x = o->x;
    x->work = NULL;
    x->gone = NULL;
    mem_free(o);
    return x;
}

static void on_gone(struct exchange *x)
{
    struct ordering *o = x->work;
    keeper_forget(&x->server->keeper, &o->ask);
    mem_free(o);
}

static void on_progress(struct keeper_ask *q, const json_t *said)
{
    const struct ordering *o = (const struct ordering *)(const void *)q;
    if (!o->stream)
        return;
    if (!o->x->status)
        ndjson_start(o->x);
    ndjson_line(o->x, json_incref((json_t *)(uintptr_t)said));
}

/* In the middle of a stream an error is one more line. */
static void end_stream(struct exchange *x, const struct problem *p)
{
    if (p) {
        x->error = err_name(p->err.code);
        ndjson_line(x, reply_problem_object(DIALECT_OLLAMA, p, x->id));
    } else {
        ndjson_line(x, json_pack("{ss}", "status", "success"));
    }
    ndjson_done(x);
}

static void on_answer(struct keeper_ask *q, const json_t *j, int fd, const struct problem *p)
{
    bool says = ((const struct ordering *)(const void *)q)->says;
    struct exchange *x = take_exchange(q);
    (void)j, (void)fd; /* an order gives no file */
    if (x->status)
        end_stream(x, p);
    else if (p)
        reply_problem(x, p);
    else if (says)
        reply_json(x, 200, json_pack("{ss}", "status", "success"));
    else
        reply_body(x, 200, "text/plain", STR(""));
}

/* Takes the order. */
static void give(struct exchange *x, json_t *order, bool says, bool stream)
{
    struct problem p = {0};
    struct ordering *o = mem_new(1, sizeof *o, &p.err);
    if (o) {
        *o = (struct ordering){.ask = {.answer = on_answer, .progress = on_progress},
                               .x = x,
                               .says = says,
                               .stream = stream};
        x->work = o;
        x->gone = on_gone;
    }
    if (!o)
        json_decref(order);
    if (o && keeper_order(&x->server->keeper, &o->ask, order, &p))
        return;
    if (o)
        take_exchange(&o->ask);
    reply_problem(x, &p);
}

/* "model", or "name" as older clients say. */
static bool read_model(const json_t *body, const char **out, struct problem *p)
{
    const char *field = field_any(body, "model") ? "model" : "name";
    struct str text = {0};
    if (!field_any(body, "model") && !field_any(body, "name"))
        return field_needed(body, "model", p);
    *out = json_string_value(json_object_get(body, field));
    return field_text(body, field, &text, p);
}

/* A model that goes from or to a registry. */
static void transfer(struct exchange *x, const char *word)
{
    struct problem p = {0};
    const char *model = NULL;
    bool insecure = false, stream = true;
    if (read_model(x->body, &model, &p) && field_bool(x->body, "insecure", &insecure, &p) &&
        field_bool(x->body, "stream", &stream, &p))
        give(x, json_pack("{ss ss sb}", "do", word, "model", model, "insecure", insecure), true,
             stream);
    else
        reply_problem(x, &p);
}

void ollama_pull(struct exchange *x)
{
    transfer(x, "pull");
}

void ollama_push(struct exchange *x)
{
    transfer(x, "push");
}

/* What it is made of is read by the errand (store/modelfile); here only what is not of the model.
 */
static bool create_text(const json_t *body, struct buf *text, struct problem *p)
{
    static const char *const others[] = {"stream", "quantize"};
    json_t *copy = json_copy((json_t *)(uintptr_t)body);
    const char *key = NULL;
    json_t *value;
    void *next;
    if (field_any(body, "quantize"))
        return fail(&p->err, ERR_UNSUPPORTED, "quantize: moat takes models as they are");
    if (field_any(body, "files"))
        return fail(&p->err, ERR_UNSUPPORTED,
                    "files: import the file with moat import, then name it in \"from\"");
    json_object_foreach_safe(copy, next, key, value)
    {
        if (json_is_null(value) || strcmp(key, others[0]) == 0 || strcmp(key, others[1]) == 0)
            json_object_del(copy, key);
    }
    bool ok = json_write(copy, JSON_COMPACT, text, &p->err);
    json_decref(copy);
    return ok;
}

void ollama_create(struct exchange *x)
{
    struct problem p = {0};
    const char *model = NULL;
    bool stream = true;
    struct buf text;
    buf_init(&text, CREATE_BYTES);
    bool ok = read_model(x->body, &model, &p) && field_bool(x->body, "stream", &stream, &p) &&
              create_text(x->body, &text, &p);
    if (ok)
        give(x, json_pack("{ss ss ss}", "do", "create", "model", model, "text", buf_c(&text)), true,
             stream);
    else
        reply_problem(x, &p);
    buf_clear(&text);
}

void ollama_copy(struct exchange *x)
{
    struct problem p = {0};
    struct str from = {0}, to = {0};
    if (!field_needed(x->body, "source", &p) || !field_needed(x->body, "destination", &p) ||
        !field_text(x->body, "source", &from, &p) || !field_text(x->body, "destination", &to, &p)) {
        reply_problem(x, &p);
        return;
    }
    give(x,
         json_pack("{ss ss% ss%}", "do", "copy", "source", from.p, from.n, "destination", to.p,
                   to.n),
         false, false);
}

void ollama_delete(struct exchange *x)
{
    struct problem p = {0};
    const char *model = NULL;
    if (read_model(x->body, &model, &p))
        give(x, json_pack("{ss ss}", "do", "delete", "model", model), false, false);
    else
        reply_problem(x, &p);
}

/* HEAD: is it there? */
void ollama_blob(struct exchange *x)
{
    give(x, json_pack("{ss ss%}", "do", "find", "digest", x->rest.p, x->rest.n), false, false);
}
