/* SPDX-License-Identifier: Apache-2.0 */
/* serve/served_store: see served_store.h. */
#include "serve/served_store.h"

#include <string.h>

#include "serve/log.h"
#include "store/manifest.h"

struct look {
    struct served_store *w;
    struct served_list *l;
    bool there[SERVED_MAX];
    void (*changed)(void *arg, uint32_t i);
    void *arg;
};

static void tell(const struct look *k, uint32_t i)
{
    if (k->changed)
        k->changed(k->arg, i);
}

static uint32_t find(const struct served_list *l, const char *id)
{
    uint32_t i = 0;
    while (i < l->n && strcmp(l->v[i]->id, id) != 0)
        i++;
    return i;
}

static bool is_same(const struct served *m, const struct manifest *manifest)
{
    return !m->gone && strcmp(m->digest + strlen("sha256:"), manifest->digest.hex) == 0;
}

/* Its place is that of the one before it, or the next. */
static void take(struct look *k, const char *name, uint32_t i)
{
    struct served_list one = {0};
    struct err e = {0};
    if (i == SERVED_MAX)
        fail(&e, ERR_LIMIT, "%d models at once are the most", SERVED_MAX);
    else
        (void)!k->w->add(k->w->arg, name, &one, &e);
    if (one.n == 0) {
        log_event("model-left-out", "%s: %s", name, e.msg);
        return;
    }
    one.v[0]->from_store = true;
    served_put(k->l, i, one.v[0]);
    k->there[i] = true;
    log_event("model-added", "%s", name);
    tell(k, i);
}

static bool look_at(void *arg, const struct name *name, const struct manifest *m,
                    const struct err *why)
{
    struct look *k = arg;
    uint32_t i = find(k->l, name->text);
    bool known = i < k->l->n;
    if (known)
        k->there[i] = true; /* also one whose manifest cannot be read just now */
    if (!m)
        log_event("model-left-out", "%s: %s", name->text, why->msg);
    else if (!known || (k->l->v[i]->from_store && !is_same(k->l->v[i], m)))
        take(k, name->text, i);
    return true;
}

static void end_those_gone(struct look *k)
{
    for (uint32_t i = 0; i < k->l->n; i++) {
        struct served *m = k->l->v[i];
        if (!m->from_store || m->gone || k->there[i])
            continue;
        m->gone = true;
        log_event("model-gone", "%s", m->id);
        tell(k, i);
    }
}

void served_store_look(struct served_store *w, struct served_list *l,
                       void (*changed)(void *arg, uint32_t i), void *arg)
{
    struct look k = {.w = w, .l = l, .changed = changed, .arg = arg};
    struct store s;
    struct err e;
    if (!w->add || !store_open(&s, false, &e))
        return;
    uint64_t stamp = manifest_stamp(&s); /* first: a change meanwhile is seen next time */
    if (stamp == w->stamp)
        return;
    w->stamp = stamp;
    if (manifest_each(&s, look_at, &k, &e))
        end_those_gone(&k);
    else
        log_event("store-unread", "%s", e.msg);
}
