/* SPDX-License-Identifier: Apache-2.0 */
/* serve/route: see route.h. */
#include "serve/route.h"

#include <string.h>

#include "base/json.h"
#include "serve/audit_ask.h"
#include "serve/dialects.h"
#include "serve/loading.h"
#include "serve/loop.h"
#include "serve/origin.h"
#include "serve/permit.h"
#include "serve/reply.h"

#define GET  HTTP_METHOD_GET
#define POST HTTP_METHOD_POST
#define HEAD HTTP_METHOD_HEAD

#define UPLOADS "/api/blobs/"

static const struct route model_rows[] = {
    {POST, "/v1/chat/completions", DIALECT_OPENAI, openai_chat},
    {POST, "/v1/completions", DIALECT_OPENAI, openai_completion},
    {POST, "/v1/embeddings", DIALECT_OPENAI, openai_embeddings},
    {POST, "/v1/responses", DIALECT_OPENAI, openai_responses},
    {POST, "/v1/responses/input_tokens", DIALECT_OPENAI, openai_responses_count},
    {GET, "/v1/responses/*", DIALECT_OPENAI, openai_response},
    {HTTP_METHOD_DELETE, "/v1/responses/*", DIALECT_OPENAI, openai_response_delete},
    {POST, "/v1/rerank", DIALECT_OPENAI, rerank_documents},
    {POST, "/v2/rerank", DIALECT_OPENAI, rerank_documents},
    {POST, "/rerank", DIALECT_OPENAI, rerank_documents},
    {POST, "/v1/reranking", DIALECT_OPENAI, rerank_documents},
    {POST, "/reranking", DIALECT_OPENAI, rerank_documents},
    {GET, "/v1/models", DIALECT_OPENAI, openai_models},
    {GET, "/v1/models/*", DIALECT_OPENAI, openai_model},

    {POST, "/v1/messages", DIALECT_ANTHROPIC, anthropic_messages},
    {POST, "/v1/messages/count_tokens", DIALECT_ANTHROPIC, anthropic_count},

    {GET, "/health", DIALECT_LLAMA, health_live},
    {GET, "/v1/health", DIALECT_LLAMA, health_live},
    {GET, "/ready", DIALECT_LLAMA, health_ready},
    {GET, "/metrics", DIALECT_LLAMA, metrics_show},
    {GET, "/props", DIALECT_LLAMA, llama_props},
    {GET, "/slots", DIALECT_LLAMA, llama_slots},
    {POST, "/completion", DIALECT_LLAMA, llama_completion},
    {POST, "/completions", DIALECT_LLAMA, llama_completion},
    {POST, "/infill", DIALECT_LLAMA, llama_infill},
    {POST, "/tokenize", DIALECT_LLAMA, llama_tokenize},
    {POST, "/detokenize", DIALECT_LLAMA, llama_detokenize},
    {POST, "/apply-template", DIALECT_LLAMA, llama_apply_template},
    {POST, "/embedding", DIALECT_LLAMA, llama_embedding},
    {GET, "/lora-adapters", DIALECT_LLAMA, llama_lora},

    {GET, "/", DIALECT_OLLAMA, webui_root},
    {GET, "/web/*", DIALECT_LLAMA, webui_file},
    {POST, "/api/chat", DIALECT_OLLAMA, ollama_chat},
    {POST, "/api/generate", DIALECT_OLLAMA, ollama_generate},
    {POST, "/api/embed", DIALECT_OLLAMA, ollama_embed},
    {POST, "/api/embeddings", DIALECT_OLLAMA, ollama_embeddings},
    {GET, "/api/tags", DIALECT_OLLAMA, ollama_tags},
    {POST, "/api/show", DIALECT_OLLAMA, ollama_show},
    {GET, "/api/ps", DIALECT_OLLAMA, ollama_ps},
    {GET, "/api/version", DIALECT_OLLAMA, ollama_version},

    /* These change the store. */
    {POST, "/api/pull", DIALECT_OLLAMA, ollama_pull},
    {POST, "/api/push", DIALECT_OLLAMA, ollama_push},
    {POST, "/api/create", DIALECT_OLLAMA, ollama_create},
    {POST, "/api/copy", DIALECT_OLLAMA, ollama_copy},
    {HTTP_METHOD_DELETE, "/api/delete", DIALECT_OLLAMA, ollama_delete},
    {HEAD, "/api/blobs/*", DIALECT_OLLAMA, ollama_blob},
    {POST, UPLOADS "*", DIALECT_OLLAMA, ollama_upload},
    /* And these are for operators too. */
    {GET, "/moat/keys", DIALECT_LLAMA, moat_keys},
    {POST, "/lora-adapters", DIALECT_LLAMA, llama_lora_set},
};
enum { N_MODEL_ROWS = sizeof model_rows / sizeof *model_rows, N_OPERATOR_ROWS = 9 };
const struct routes route_models = {model_rows, N_MODEL_ROWS, N_MODEL_ROWS - N_OPERATOR_ROWS,
                                    N_MODEL_ROWS - N_OPERATOR_ROWS, "operator"};

static const struct route mirror_rows[] = {
    {GET, "/health", DIALECT_MIRROR, mirror_health},
    {GET, "/stats", DIALECT_MIRROR, mirror_stats},
    {GET, "/", DIALECT_MIRROR, mirror_root},
    /* These give or take something. */
    {POST, "/witness", DIALECT_MIRROR, mirror_witness},
    {GET, "/*", DIALECT_MIRROR, mirror_file},
};
enum { N_MIRROR_ROWS = sizeof mirror_rows / sizeof *mirror_rows, N_GIVING_ROWS = 2 };
const struct routes route_mirror = {mirror_rows, N_MIRROR_ROWS, N_MIRROR_ROWS,
                                    N_MIRROR_ROWS - N_GIVING_ROWS, "mirror"};

static const struct route preflight = {HTTP_METHOD_OPTIONS, "*", DIALECT_LLAMA, origin_preflight};

bool route_streams(const struct http_request *r)
{
    return r->method == POST && str_starts(r->path, STR(UPLOADS));
}

/* --- finding the row -----------------------------------------------------------------------------
 */

static bool path_matches(const struct route *r, struct str path, struct str *rest)
{
    size_t n = strlen(r->path);
    if (r->path[n - 1] != '*')
        return str_is(path, r->path);
    *rest = str_from(path, n - 1);
    return path.n >= n && str_starts(path, (struct str){r->path, n - 1});
}

/* *known: the path is, with whatever method. */
static const struct route *find(const struct conn *c, struct str *rest, bool *known)
{
    const struct http_request *req = &c->http.req;
    const struct routes *all = c->server->routes;
    if (origin_is_preflight(c)) {
        *known = true;
        return &preflight;
    }
    bool head = req->method == HEAD; /* a row for GET answers it too */
    *known = false;
    for (size_t i = 0; i < all->n; i++)
        if (path_matches(&all->v[i], req->path, rest)) {
            *known = true;
            if (all->v[i].method == req->method || (head && all->v[i].method == GET))
                return &all->v[i];
        }
    return NULL;
}

enum dialect route_dialect(const struct conn *c)
{
    struct str path = c->http.req.path;
    if (c->server->routes == &route_mirror)
        return DIALECT_MIRROR;
    if (str_is(path, "/v1/messages") || str_starts(path, STR("/v1/messages/")))
        return DIALECT_ANTHROPIC;
    if (str_starts(path, STR("/v1/")))
        return DIALECT_OPENAI;
    return str_starts(path, STR("/api/")) ? DIALECT_OLLAMA : DIALECT_LLAMA;
}

/* --- before the body -----------------------------------------------------------------------------
 */

static int refuse(struct err *e, int status, enum err_code code, const char *why)
{
    fail(e, code, "%s", err_text(why));
    return status;
}

static bool is_type(struct str value, const char *type)
{
    size_t n = strlen(type);
    if (value.n < n || (value.n > n && !strchr("; \t", value.p[n])))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((value.p[i] >= 'A' && value.p[i] <= 'Z' ? value.p[i] | 0x20 : value.p[i]) != type[i])
            return false;
    return true;
}

/* What curl -d sends without being told is let pass: a page elsewhere is kept out by its Origin. */
static bool takes_text(const struct route *r)
{
    return r->answer == mirror_witness;
}

static bool type_allowed(const struct route *r, struct str type)
{
    return type.n == 0 || (takes_text(r) && is_type(type, "text/plain")) ||
           is_type(type, "application/json") || is_type(type, "application/x-www-form-urlencoded");
}

static bool takes_body(const struct route *r)
{
    return r->method == POST || r->method == HTTP_METHOD_DELETE;
}

int route_check(struct conn *c, struct err *e)
{
    const struct http_request *req = &c->http.req;
    struct str rest;
    bool known;
    int status = c->local ? 0 : origin_check(c, e);
    const struct route *r = find(c, &rest, &known), *row = c->server->routes->v;
    bool for_operators = r && r != &preflight && r >= row + c->server->routes->n_open;
    if (!status)
        status = permit_check(c, r, for_operators, e);
    if (status)
        return status;
    if (!r) {
        if (known)
            return refuse(e, 405, ERR_USAGE, N_("this path does not take this method"));
        return refuse(e, 404, ERR_NOT_FOUND, N_("there is nothing at this path"));
    }
    if (takes_body(r) && !c->http.streaming && !type_allowed(r, req->content_type))
        return refuse(e, 415, ERR_UNSUPPORTED, N_("the body must be application/json"));
    return 0;
}

/* --- after the body ------------------------------------------------------------------------------
 */

static bool parse_body(struct exchange *x, struct problem *p)
{
    struct str body = buf_view(&x->conn->http.body);
    bool none = x->route->method == HTTP_METHOD_DELETE && body.n == 0;
    if (!takes_body(x->route) || x->conn->http.streaming || none)
        return true;
    if (!str_utf8_valid(body))
        return fail(&p->err, ERR_USAGE, "the body is not valid UTF-8");
    if (takes_text(x->route)) /* it stays in the connection */
        return true;
    x->body = json_parse(body, "body", &p->err);
    buf_clear(&x->conn->http.body);
    if (!x->body) {
        p->status = p->err.code == ERR_LIMIT ? 0 : 400;
        return false;
    }
    bool list = x->route->answer == llama_lora_set;
    if (list ? !json_is_array(x->body) : !json_is_object(x->body))
        return fail(&p->err, ERR_USAGE, "%s",
                    err_text(list ? N_("the body must be a JSON array")
                                  : N_("the body must be a JSON object")));
    return known_check(x, p);
}

/* Before anything is done for a model that the key may not use; serve/ask looks again, for a
 * request that names none. */
static bool may_use(const struct exchange *x, struct problem *p)
{
    const char *name = json_string_value(json_object_get(x->body, "model"));
    const struct engines *es = &x->server->engines;
    for (uint32_t i = 0; name && i < es->n; i++)
        if (!es->v[i].model->gone && served_is(es->v[i].model, str_of(name)))
            return permit_use(x->conn, es->v[i].model, p);
    return true;
}

void route_dispatch(struct conn *c)
{
    struct str rest = {0};
    struct problem p = {0};
    bool known;
    const struct route *r = find(c, &rest, &known);
    struct exchange *x = exchange_new(c, r);
    if (!x) {
        conn_close(c);
        return;
    }
    c->x = x;
    x->rest = rest;
    if (!permit_begin(x, &p) || !parse_body(x, &p) || !may_use(x, &p))
        reply_problem(x, &p);
    else if (audit_call_begin(x) && !loading_hold(x))
        r->answer(x);
}
