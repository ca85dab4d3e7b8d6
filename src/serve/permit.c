/* SPDX-License-Identifier: Apache-2.0 */
/* serve/permit: see permit.h. */
#include "serve/permit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "serve/access.h"
#include "serve/loop.h"

enum { FOR_ALL = 1u << 30, FOR_ANY_KEY = 1u << 29 };

/* What is not here is inference (of a mirror: its files). */
static const struct {
    const char *path;
    unsigned needs;
} needs[] = {
    {"/health", FOR_ALL}, /* a balancer has no key */
    {"/v1/health", FOR_ALL},
    {"/ready", FOR_ALL},
    {"/", FOR_ALL}, /* the page, which holds no data: it asks its user for a key */
    {"/web/*", FOR_ALL},
    {"*", FOR_ALL}, /* a preflight: browsers send no key with it */
    {"/v1/models", FOR_ANY_KEY},
    {"/v1/models/*", FOR_ANY_KEY},
    {"/props", FOR_ANY_KEY},
    {"/api/tags", FOR_ANY_KEY},
    {"/api/show", FOR_ANY_KEY},
    {"/api/ps", FOR_ANY_KEY},
    {"/api/version", FOR_ANY_KEY},
    {"/v1/embeddings", KEY_EMBEDDINGS},
    {"/embedding", KEY_EMBEDDINGS},
    {"/api/embed", KEY_EMBEDDINGS},
    {"/api/embeddings", KEY_EMBEDDINGS},
    {"/v1/rerank", KEY_EMBEDDINGS},
    {"/v2/rerank", KEY_EMBEDDINGS},
    {"/v1/reranking", KEY_EMBEDDINGS},
    {"/rerank", KEY_EMBEDDINGS},
    {"/reranking", KEY_EMBEDDINGS},
    {"/metrics", KEY_METRICS},
    {"/slots", KEY_METRICS},
};

static unsigned needs_of(const struct route *r)
{
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (strcmp(needs[i].path, r->path) == 0)
            return needs[i].needs;
    return r->dialect == DIALECT_MIRROR ? KEY_MIRROR : KEY_INFERENCE;
}

/* --- who -----------------------------------------------------------------------------------------
 */

static const struct key *who(const struct conn *c)
{
    const struct http_request *req = &c->http.req;
    const struct keys *keys = &c->server->keys;
    if (req->authorization.n || req->api_key.n)
        return access_key(keys, req->authorization, req->api_key);
    return c->tls ? keys_by_subject(keys, tls_subject(c->tls)) : NULL;
}

/* Keys without a tenant share with nobody; no name of a tenant is a key's. */
static void note(struct conn *c, const struct key *key)
{
    bool named = key->terms.tenant[0] != '\0';
    memcpy(c->key_id, key->id, sizeof key->id);
    snprintf(c->tenant, sizeof c->tenant, "%s:%s", named ? "tenant" : "key",
             named ? key->terms.tenant : key->id);
}

static int no_key(const struct conn *c, bool for_operators, struct err *e)
{
    const struct http_request *req = &c->http.req;
    if (for_operators)
        fail(e, ERR_UNAUTHORISED,
             "this call is for operators: it needs the key of one (moat key add NAME --operator)");
    else if (req->authorization.n || req->api_key.n)
        fail(e, ERR_UNAUTHORISED, "the key is not one of this server's; it may have been revoked");
    else if (c->tls && tls_subject(c->tls).n)
        fail(e, ERR_UNAUTHORISED,
             "no key has the subject of this certificate; send the header Authorization: Bearer "
             "KEY, or have one made with moat key add NAME --subject SUBJECT");
    else
        fail(e, ERR_UNAUTHORISED,
             "this server asks for a key; send the header Authorization: Bearer KEY");
    return 401;
}

static int expired(const struct key *key, struct err *e)
{
    struct tm t = {0};
    time_t at = (time_t)key->terms.expires;
    gmtime_r(&at, &t);
    fail(e, ERR_UNAUTHORISED, "the key expired on %04d-%02d-%02d; ask for another",
         t.tm_year + 1900, t.tm_mon + 1, t.tm_mday);
    return 401;
}

static int lacks(const struct conn *c, const struct key *key, unsigned scope, struct err *e)
{
    char wanted[64], has[64];
    struct ledger_key *k = ledger_find(&c->server->ledger, key->id);
    key_scope_list(scope, wanted);
    key_scope_list(key->terms.scopes, has);
    if (k)
        ledger_refused(k);
    fail(e, ERR_DENIED,
         "this call needs a key with the scope \"%s\" (moat key add NAME --scope %s); the key has: "
         "%s",
         wanted, wanted, has);
    return 403;
}

int permit_check(struct conn *c, const struct route *r, bool for_operators, struct err *e)
{
    unsigned scope = for_operators ? KEY_OPERATOR : r ? needs_of(r) : FOR_ANY_KEY;
    const struct key *key = who(c);
    if (scope == FOR_ALL) { /* but some say more to who has a key */
        if (key && !key_expired(key, time(NULL)))
            note(c, key);
        return 0;
    }
    if (!key)
        return c->keyed || for_operators ? no_key(c, for_operators, e) : 0;
    if (key_expired(key, time(NULL)))
        return expired(key, e);
    note(c, key);
    bool sees = scope == KEY_METRICS && (key->terms.scopes & KEY_OPERATOR);
    if (scope == FOR_ANY_KEY || sees || (key->terms.scopes & scope))
        return 0;
    return lacks(c, key, scope, e);
}

/* --- how much ------------------------------------------------------------------------------------
 */

bool permit_begin(struct exchange *x, struct problem *p)
{
    unsigned scope = needs_of(x->route);
    bool counts = scope == KEY_INFERENCE || scope == KEY_EMBEDDINGS || scope == KEY_MIRROR;
    struct ledger_key *k =
        counts && x->conn->key_id[0] ? ledger_find(&x->server->ledger, x->conn->key_id) : NULL;
    if (!k)
        return true;
    if (!ledger_enter(k, p))
        return false;
    x->ledger = k;
    return true;
}

void permit_end(struct exchange *x)
{
    if (x->ledger)
        ledger_leave(x->ledger, x->n_prompt, x->n_generated);
    x->ledger = NULL;
}

bool permit_place(const struct exchange *x, uint32_t n_free, struct problem *p)
{
    struct ledger_key *k = x->ledger;
    bool alone = x->server->keys.n < 2;
    if (!k || alone || k->live <= PERMIT_SHARE * n_free)
        return true;
    p->retry_s = 1;
    p->code = "overloaded";
    return fail(
        &p->err, ERR_BUSY,
        "this key has %u requests under way, and what is free is kept for others; try again",
        k->live - 1);
}

void permit_headers(const struct conn *c, struct buf *out)
{
    struct ledger_key *k = c->key_id[0] ? ledger_find(&c->server->ledger, c->key_id) : NULL;
    if (k)
        ledger_headers(k, route_dialect(c), out);
}

/* --- which models --------------------------------------------------------------------------------
 */

bool permit_model(const struct conn *c, const struct served *m)
{
    if (!c->key_id[0] || m->gone)
        return !m->gone;
    const struct key *key = keys_by_id(&c->server->keys, c->key_id);
    bool named = key && key->terms.n_models == 0;
    for (uint32_t i = 0; key && i < key->terms.n_models; i++)
        named |= served_is(m, str_of(key->terms.models[i]));
    return named;
}

bool permit_use(const struct conn *c, const struct served *m, struct problem *p)
{
    if (permit_model(c, m))
        return true;
    struct ledger_key *k = ledger_find(&c->server->ledger, c->key_id);
    if (k)
        ledger_refused(k);
    p->param = "model";
    return fail(&p->err, ERR_DENIED,
                "this key may not use the model \"%s\"; GET /v1/models lists those it may", m->id);
}
