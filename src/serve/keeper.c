/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper: see keeper.h. */
#include "serve/keeper.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "serve/isolate.h"
#include "serve/keeper_answer.h"
#include "serve/keeper_private.h"
#include "serve/log.h"
#include "serve/orders.h"
#include "serve/packet.h"

/* A packet of the front's: a want or an order and its number, or the end of one. */
static void take_want(struct keeper *k, const json_t *j)
{
    struct want w;
    struct err e;
    json_int_t id = json_integer_value(json_object_get(j, "id"));
    if (json_object_get(j, "order")) {
        orders_take(k, id, json_object_get(j, "order"));
        return;
    }
    if (json_object_get(j, "cancel")) {
        orders_cancel(k, id);
        return;
    }
    if (want_from_json(&w, json_object_get(j, "want"))) {
        keeper_answer(k, id, &w, NULL);
        return;
    }
    fail(&e, ERR_INTERNAL, "the front asks for what nobody knows");
    keeper_refuse(k, id, &e, NULL);
}

/* False: the front is gone. */
static bool take_packets(struct keeper *k)
{
    for (int most = 64; most > 0; most--) {
        json_t *j;
        int fd;
        enum packet_state state = packet_take(k->line, &j, &fd);
        if (state != PACKET_GOT)
            return state == PACKET_NONE;
        if (fd >= 0)
            close(fd); /* the front has no files of its own */
        take_want(k, j);
        json_decref(j);
    }
    return true;
}

/* Everybody who waited is answered, now that it is there or known to be impossible. */
static void end_errand(struct keeper *k, struct errand *w)
{
    struct errand over = *w;
    w->asker = NULL;
    if (over.err.code != ERR_NONE)
        log_event("errand-failed", "%s: %s", over.key, over.err.msg);
    k->stats.received += over.received;
    k->stats.freed += over.freed;
    k->stats.failed += over.size && over.err.code != ERR_NONE;
    if (over.size)
        keeper_note(k, "end", &over, NULL);
    errand_remove(&k->errands, w); /* an answer may need another one */
    shelf_stale(&k->shelf);
    if (over.is_order)
        orders_end(k, &over);
    for (size_t i = 0; !over.is_order && i < over.n_askers; i++)
        keeper_answer(k, over.asker[i].id, &over.asker[i].want, &over.err);
    mem_free(over.asker);
}

static void on_said(void *arg, struct errand *w, const json_t *said)
{
    if (w->is_order)
        orders_progress(arg, w, said);
}

static bool turn(struct keeper *k)
{
    struct pollfd p[ERRAND_MOST + 1] = {{k->line, POLLIN, 0}};
    struct errand *of[ERRAND_MOST];
    uint32_t n = k->errands.n;
    for (uint32_t i = 0; i < n; i++) {
        of[i] = k->errands.v[i];
        p[i + 1] = (struct pollfd){of[i]->from, POLLIN, 0};
    }
    poll(p, n + 1, -1);
    for (uint32_t i = 0; i < n; i++)
        if (p[i + 1].revents && errand_read(of[i], on_said, k))
            end_errand(k, of[i]);
    return !p[0].revents || take_packets(k);
}

int keeper_main(int line, const struct config *config)
{
    struct err e = {0};
    struct keeper k = {.config = config, .line = line};
    signal(SIGPIPE, SIG_IGN);
    if (!shelf_open(&k.shelf, &e)) {
        log_event("keeper-failed", "%s", e.msg);
        return err_exit_status(e.code);
    }
    if (!isolate_keeper(config, &e)) {
        log_event("keeper-failed", "%s", e.msg);
        return err_exit_status(e.code);
    }
    keeper_sweep(&k.shelf.store);
    while (turn(&k))
        ;
    while (k.errands.n)
        errand_remove(&k.errands, k.errands.v[0]);
    shelf_clear(&k.shelf);
    return 0;
}
