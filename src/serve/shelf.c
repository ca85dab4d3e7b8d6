/* SPDX-License-Identifier: Apache-2.0 */
/* serve/shelf: see shelf.h. */
#include "serve/shelf.h"

#include <string.h>

#include "base/mem.h"
#include "serve/log.h"

bool shelf_open(struct shelf *s, struct err *e)
{
    *s = (struct shelf){0};
    return store_open(&s->store, false, e);
}

void shelf_clear(struct shelf *s)
{
    for (size_t i = 0; i < s->n; i++)
        manifest_clear(&s->v[i]);
    mem_free(s->v);
    s->v = NULL;
    s->n = s->cap = 0;
}

void shelf_stale(struct shelf *s)
{
    s->read_ns = 0;
}

struct reading {
    struct shelf fresh;
    struct err err;
    bool ok;
};

static char *copy_text(const char *text, struct err *e)
{
    size_t n = strlen(text) + 1;
    char *copy = mem_new(n, 1, e);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}

static bool add(void *arg, const struct name *name, const struct manifest *m, const struct err *why)
{
    struct reading *r = arg;
    struct shelf *s = &r->fresh;
    (void)name, (void)why;
    if (!m) /* a damaged one is nobody's model; moat list says which */
        return true;
    if (!mem_grow(&s->v, s->n, &s->cap, sizeof *s->v, &r->err))
        return r->ok = false;
    struct manifest *to = &s->v[s->n];
    *to = *m;
    json_incref(to->settings);
    json_incref(to->opening);
    json_incref(to->licence);
    to->source = copy_text(m->source, &r->err);
    s->n++;
    return r->ok = to->source != NULL;
}

void shelf_refresh(struct shelf *s)
{
    struct reading r = {.ok = true};
    uint64_t now = os_now_ns();
    if (s->read_ns && now - s->read_ns < SHELF_FRESH_MS * 1000000ull)
        return;
    if (manifest_each(&s->store, add, &r, &r.err) && r.ok) {
        shelf_clear(s);
        s->v = r.fresh.v;
        s->n = r.fresh.n;
        s->cap = r.fresh.cap;
    } else {
        log_event("store-unreadable", "%s", r.err.msg);
        shelf_clear(&r.fresh);
    }
    s->read_ns = now;
}

const struct manifest *shelf_named(const struct shelf *s, const char *model, const char *tag)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].name.model, model) == 0 && strcmp(s->v[i].name.tag, tag) == 0)
            return &s->v[i];
    return NULL;
}

const struct manifest *shelf_digest(const struct shelf *s, const struct digest *d)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].digest.hex, d->hex) == 0)
            return &s->v[i];
    return NULL;
}
