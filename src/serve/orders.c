/* SPDX-License-Identifier: Apache-2.0 */
/* serve/orders: see orders.h. */
#include "serve/orders.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "serve/keeper_answer.h"
#include "serve/log.h"
#include "serve/packet.h"

/* --- taking them ---------------------------------------------------------------------------------
 */

static const struct {
    const char *word, *field, *other;
    errand_fn *fn;
    bool shared; /* whoever wants the same joins */
} kinds[] = {{"pull", "model", NULL, order_pull, true},
             {"copy", "source", "destination", order_copy, false},
             {"delete", "model", NULL, order_delete, false},
             {"find", "digest", NULL, order_find, false},
             {"create", "model", NULL, order_create, false},
             {"push", "model", NULL, order_push, true},
             {"put", "digest", NULL, order_put, false},
             {"witness", "key", NULL, order_witness, false}};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static bool read_text(const json_t *order, const char *field, char out[ORDER_TEXT], struct err *e)
{
    const json_t *v = json_object_get(order, field);
    size_t n = json_string_length(v);
    if (n == 0 || n >= ORDER_TEXT || strlen(json_string_value(v)) != n)
        return fail(e, ERR_USAGE, "%s: must be a name of 1 to %d bytes", field, ORDER_TEXT - 1);
    memcpy(out, json_string_value(v), n + 1);
    return true;
}

/* Joins the errand with this key, or starts it. */
static bool begin(struct keeper *k, json_int_t id, const char *key, errand_fn *fn, struct order *o,
                  struct err *e)
{
    struct errand *w = errand_find(&k->errands, key);
    if (!w)
        w = errand_start(&k->errands, key, fn, o, k->line, e);
    if (!w)
        return false;
    w->is_order = true;
    return errand_join(w, id, NULL, e);
}

/* --- a file that comes from a client ---------------------------------------------------------- */

static bool make_socket(struct order *o, struct err *e)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return fail(e, ERR_INTERNAL, "cannot make a line between two processes: %s",
                    strerror(errno));
    o->fd = ends[0];
    o->other_fd = ends[1];
    return true;
}

static void give_socket(struct keeper *k, json_int_t id, const struct order *o)
{
    struct err e;
    json_t *j = json_pack("{sI s{ss}}", "id", id, "progress", "status", "ready");
    if (!packet_send(k->line, j, o->other_fd, true, &e))
        log_event("keeper-line", "%s", e.msg);
    json_decref(j);
}

static void close_both(const struct order *o)
{
    if (o->fd >= 0)
        close(o->fd);
    if (o->other_fd >= 0)
        close(o->other_fd);
}

static bool take(struct keeper *k, json_int_t id, const json_t *order, struct err *e)
{
    const char *word = json_string_value(json_object_get(order, "do"));
    struct order o = {.config = k->config,
                      .store = &k->shelf.store,
                      .text = json_string_value(json_object_get(order, "text")),
                      .insecure = json_is_true(json_object_get(order, "insecure")),
                      .size = (uint64_t)json_integer_value(json_object_get(order, "size")),
                      .fd = -1,
                      .other_fd = -1};
    char key[ERRAND_KEY];
    size_t i = 0;
    while (i < N_KINDS && (!word || strcmp(kinds[i].word, word) != 0))
        i++;
    if (i == N_KINDS)
        return fail(e, ERR_INTERNAL, "the front asks for what nobody knows");
    if (!read_text(order, kinds[i].field, o.model, e) ||
        (kinds[i].other && !read_text(order, kinds[i].other, o.other, e)))
        return false;
    struct hash h;
    struct str whole = str_of(o.model);
    if (!hash_of(&whole, 1, &h, e))
        return false;
    int n = snprintf(key, sizeof key, "order %s ", word);
    for (size_t b = 0; kinds[i].shared && b < HASH_BYTES; b++)
        n += snprintf(key + n, sizeof key - (size_t)n, "%02x", h.b[b]);
    if (!kinds[i].shared)
        snprintf(key + n, sizeof key - (size_t)n, "%lld", (long long)id);
    bool put = kinds[i].fn == order_put;
    bool ok = (!put || make_socket(&o, e)) && begin(k, id, key, kinds[i].fn, &o, e);
    if (put && ok)
        give_socket(k, id, &o);
    close_both(&o);
    return ok;
}

void orders_take(struct keeper *k, json_int_t id, const json_t *order)
{
    struct err e = {0};
    if (!take(k, id, order, &e))
        keeper_refuse(k, id, &e, NULL);
}

void orders_cancel(struct keeper *k, json_int_t id)
{
    for (uint32_t i = 0; i < k->errands.n; i++) {
        struct errand *w = k->errands.v[i];
        if (!w->is_order || !errand_leave(w, id))
            continue;
        if (w->n_askers == 0)
            errand_remove(&k->errands, w);
        return;
    }
}

/* --- telling -------------------------------------------------------------------------------------
 */

static void send_said(struct keeper *k, json_t *j)
{
    struct err e;
    if (!packet_send(k->line, j, -1, true, &e))
        log_event("keeper-line", "%s", e.msg);
    json_decref(j);
}

void orders_progress(struct keeper *k, const struct errand *w, const json_t *said)
{
    for (size_t i = 0; i < w->n_askers; i++)
        send_said(
            k, json_pack("{sI sO}", "id", w->asker[i].id, "progress", (json_t *)(uintptr_t)said));
}

void orders_end(struct keeper *k, const struct errand *w)
{
    for (size_t i = 0; i < w->n_askers; i++) {
        if (w->err.code == ERR_NONE)
            send_said(k, json_pack("{sI}", "id", w->asker[i].id));
        else
            keeper_refuse(k, w->asker[i].id, &w->err, NULL);
    }
}
