/* SPDX-License-Identifier: Apache-2.0 */
/* serve/route: see route.h. */
#include "serve/route.h"

#include <string.h>

#include "base/json.h"
#include "serve/access.h"
#include "serve/dialects.h"
#include "serve/loop.h"
#include "serve/origin.h"
#include "serve/reply.h"

#define GET  HTTP_METHOD_GET
#define POST HTTP_METHOD_POST
#define HEAD HTTP_METHOD_HEAD

#define UPLOADS "/api/blobs/"

static const struct route model_rows[] = {
    {POST, "/v1/chat/completions", DIALECT_OPENAI, openai_chat},
    {POST, "/v1/completions", DIALECT_OPENAI, openai_completion},
    {POST, "/v1/embeddings", DIALECT_OPENAI, openai_embeddings},
    {GET, "/v1/models", DIALECT_OPENAI, openai_models},
    {GET, "/v1/models/*", DIALECT_OPENAI, openai_model},

    {POST, "/v1/messages", DIALECT_ANTHROPIC, anthropic_messages},
    {POST, "/v1/messages/count_tokens", DIALECT_ANTHROPIC, anthropic_count},

    {GET, "/health", DIALECT_LLAMA, llama_health},
    {GET, "/v1/health", DIALECT_LLAMA, llama_health},
    {GET, "/metrics", DIALECT_LLAMA, llama_metrics},
    {GET, "/props", DIALECT_LLAMA, llama_props},
    {GET, "/slots", DIALECT_LLAMA, llama_slots},
    {POST, "/completion", DIALECT_LLAMA, llama_completion},
    {POST, "/completions", DIALECT_LLAMA, llama_completion},
    {POST, "/infill", DIALECT_LLAMA, llama_infill},
    {POST, "/tokenize", DIALECT_LLAMA, llama_tokenize},
    {POST, "/detokenize", DIALECT_LLAMA, llama_detokenize},
    {POST, "/apply-template", DIALECT_LLAMA, llama_apply_template},
    {POST, "/embedding", DIALECT_LLAMA, llama_embedding},

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
};
enum { N_MODEL_ROWS = sizeof model_rows / sizeof *model_rows, N_STORE_ROWS = 7 };
const struct routes route_models = {model_rows, N_MODEL_ROWS, N_MODEL_ROWS - N_STORE_ROWS};

static const struct route mirror_rows[] = {
    {GET, "/health", DIALECT_MIRROR, mirror_health},
    {GET, "/stats", DIALECT_MIRROR, mirror_stats},
    {GET, "/", DIALECT_MIRROR, mirror_root},
    {GET, "/*", DIALECT_MIRROR, mirror_file},
};
enum { N_MIRROR_ROWS = sizeof mirror_rows / sizeof *mirror_rows };
const struct routes route_mirror = {mirror_rows, N_MIRROR_ROWS, N_MIRROR_ROWS};

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
static bool type_allowed(struct str type)
{
    return type.n == 0 || is_type(type, "application/json") ||
           is_type(type, "application/x-www-form-urlencoded");
}

static bool takes_body(const struct route *r)
{
    return r->method == POST || r->method == HTTP_METHOD_DELETE;
}

/* Where a key is asked for, the server may have any name; else it is one of this machine's. */
static int check_origin(const struct conn *c, struct err *e)
{
    const struct http_request *req = &c->http.req;
    bool same = c->keyed && origin_is_host(req->origin, req->host);
    if (!c->keyed && req->host.n && !origin_host_allowed(req->host))
        return refuse(e, 403, ERR_DENIED,
                      N_("this server answers to localhost only; the Host header names another"));
    if (req->origin.n && !same && !origin_allowed(req->origin))
        return refuse(e, 403, ERR_DENIED, N_("pages of other sites may not use this server"));
    return 0;
}

/* Probes of a balancer have no key, and the page holds no data: it asks its user for one. */
static bool is_for_all(const struct route *r)
{
    return r->answer == llama_health || r->answer == mirror_health || r->answer == webui_root ||
           r->answer == webui_file;
}

static int check_key(struct conn *c, const struct route *r, struct err *e)
{
    const struct http_request *req = &c->http.req;
    const struct key *key = access_key(&c->server->keys, req->authorization, req->api_key);
    if (key)
        memcpy(c->key_id, key->id, sizeof key->id);
    if (key || (r && is_for_all(r)))
        return 0;
    if (!req->authorization.n && !req->api_key.n)
        return refuse(e, 401, ERR_UNAUTHORISED,
                      N_("this server asks for a key; send the header Authorization: Bearer KEY"));
    return refuse(e, 401, ERR_UNAUTHORISED,
                  N_("the key is not one of this server's; it may have been revoked"));
}

/* Also where no key is asked for otherwise: making and removing models is not for whoever can reach
 * a port (H2 of the threat model). */
static int check_operator(struct conn *c, struct err *e)
{
    const struct http_request *req = &c->http.req;
    const struct key *key = access_key(&c->server->keys, req->authorization, req->api_key);
    if (!key)
        return refuse(
            e, 401, ERR_UNAUTHORISED,
            N_("this call changes the store: it needs the key of an operator (moat key add "
               "NAME --operator)"));
    memcpy(c->key_id, key->id, sizeof key->id);
    if (key->is_operator)
        return 0;
    return refuse(e, 403, ERR_DENIED,
                  N_("this call changes the store, and the key is not an operator's (moat key add "
                     "NAME --operator)"));
}

int route_check(struct conn *c, struct err *e)
{
    const struct http_request *req = &c->http.req;
    struct str rest;
    bool known;
    const struct route *r = find(c, &rest, &known);
    int status = c->local ? 0 : check_origin(c, e);
    if (!status && c->keyed)
        status = check_key(c, r, e);
    if (status)
        return status;
    if (!r) {
        if (known)
            return refuse(e, 405, ERR_USAGE, N_("this path does not take this method"));
        return refuse(e, 404, ERR_NOT_FOUND, N_("there is nothing at this path"));
    }
    const struct routes *all = c->server->routes;
    status = r >= all->v + all->n_open ? check_operator(c, e) : 0;
    if (status)
        return status;
    if (takes_body(r) && !c->http.streaming && !type_allowed(req->content_type))
        return refuse(e, 415, ERR_UNSUPPORTED, N_("the body must be application/json"));
    return 0;
}

/* --- after the body ------------------------------------------------------------------------------
 */

static bool parse_body(struct exchange *x, struct problem *p)
{
    struct str body = buf_view(&x->conn->http.body);
    if (!takes_body(x->route) || x->conn->http.streaming)
        return true;
    if (!str_utf8_valid(body))
        return fail(&p->err, ERR_USAGE, "the body is not valid UTF-8");
    x->body = json_parse(body, "body", &p->err);
    buf_clear(&x->conn->http.body);
    if (!x->body) {
        p->status = p->err.code == ERR_LIMIT ? 0 : 400;
        return false;
    }
    return json_is_object(x->body) || fail(&p->err, ERR_USAGE, "the body must be a JSON object");
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
    if (parse_body(x, &p))
        r->answer(x);
    else
        reply_problem(x, &p);
}
