/* SPDX-License-Identifier: Apache-2.0 */
/* store/derive: see derive.h. */
#include "store/derive.h"

#include <unistd.h>

#include "store/thin.h"

static json_t *share(const json_t *own, const json_t *base)
{
    return json_incref((json_t *)(uintptr_t)(own ? own : base));
}

static bool change(struct manifest *m, const struct derivation *d, struct err *e)
{
    json_t *all = m->settings ? json_copy(m->settings) : json_object();
    bool ok =
        (all && (!d->settings || json_object_update(all, (json_t *)(uintptr_t)d->settings) == 0)) ||
        fail(e, ERR_LIMIT, "not enough memory");
    json_t *opening = share(json_array_size(d->opening) ? d->opening : NULL, m->opening);
    json_t *licence = share(d->licence, m->licence);
    json_decref(m->settings);
    json_decref(m->opening);
    json_decref(m->licence);
    m->settings = ok && json_object_size(all) ? json_incref(all) : NULL;
    m->opening = opening;
    m->licence = licence;
    m->through = false; /* somebody wants it: no mirror may remove it */
    json_decref(all);
    return ok;
}

static bool is_there(void *arg, const struct digest *d, struct err *e)
{
    const struct store *s = arg;
    int fd = thin_or_blob_open(s, d, e);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

bool derive_model(struct derivation *d, struct err *e)
{
    struct store s;
    struct publication q = {.store = &s, .place = is_there, .arg = &s};
    if (!store_open(&s, true, e) || !manifest_read(&s, &d->base, &q.m, e))
        return false;
    q.m.name = d->name;
    bool ok = change(&q.m, d, e) && publish_model(&q, e);
    d->digest = q.m.digest;
    d->size = q.m.size;
    d->replaced = q.replaced;
    manifest_clear(&q.m);
    return ok;
}
