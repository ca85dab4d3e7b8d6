/* SPDX-License-Identifier: Apache-2.0 */
/* serve/exchange: see exchange.h. */
#include "serve/exchange.h"

#include <time.h>

#include "base/mem.h"
#include "base/os.h"
#include "serve/audit_ask.h"
#include "serve/log.h"
#include "serve/loop.h"
#include "serve/permit.h"
#include "serve/request_id.h"

struct exchange *exchange_new(struct conn *c, const struct route *route)
{
    struct exchange *x = mem_new(1, sizeof *x, NULL);
    if (!x)
        return NULL;
    *x = (struct exchange){.server = c->server,
                           .conn = c,
                           .route = route,
                           .start_ns = os_now_ns(),
                           .created = time(NULL),
                           .keep = c->http.req.keep_alive};
    request_id_next(x->id);
    c->server->stats.n_live++;
    return x;
}

static void finish(struct exchange *x, bool gone)
{
    if (x->gone)
        x->gone(x);
    permit_end(x);
    audit_call_end(x, gone);
    log_exchange(x, gone);
    if (x->route->dialect == DIALECT_MIRROR && x->model)
        tally_add(&x->server->tally, x->model, x->n_bytes);
    struct stats *s = &x->server->stats;
    stats_reply(s, http_method_name(x->route->method), x->route->path, gone ? 499 : x->status,
                x->error);
    if (x->series)
        stats_measure(s, x->series, STATS_REQUEST, (double)(os_now_ns() - x->start_ns) / 1e9, 1);
    x->server->stats.n_live--;
    json_decref(x->body);
    mem_free(x);
}

void exchange_end(struct exchange *x)
{
    struct conn *c = x->conn;
    bool keep = x->keep;
    c->x = NULL;
    finish(x, false);
    conn_answered(c, keep);
}

void exchange_gone(struct exchange *x)
{
    finish(x, true);
}
