/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pull_catalog: NAME[:TAG] of a catalogue -> its sources, its digest or its pin.
 *
 * A source that cannot be asked is passed over with a note, as long as another is left. What the
 * catalogue says of the file counts as much as what the user says with --sha256. */
#include <stdio.h>
#include <string.h>

#include "cli/interrupt.h"
#include "cli/pull_source.h"
#include "fetch/url.h"
#include "store/pins.h"

/* The address of one source into s->url[n]. */
static bool find_address(struct pull_source *s, struct pull_request *q, const char *text,
                         struct err *e)
{
    char *out = s->url[q->job.n_url];
    struct upstream u;
    struct url parsed;
    if (url_is(text)) {
        snprintf(out, LIMIT_URL_BYTES, "%s", text);
        return url_parse(&parsed, text, e);
    }
    if (!upstream_is(text))
        return fail(e, ERR_UNSUPPORTED, "this moat knows no source of that kind");
    if (s->has_digest && !s->from_hub) {
        if (!upstream_resolve_known(&u, text, &s->digest, &q->job, interrupt_flag(), e))
            return false;
    } else if (!upstream_resolve(&u, text, &q->job, interrupt_flag(), e)) {
        return false;
    }
    snprintf(out, LIMIT_URL_BYTES, "%s", u.url);
    return pull_source_agree(s, text, &u, e);
}

/* Hubs that do not agree on a file that nobody vouches for are not passed over. */
static bool is_over(const struct pull_source *s, const struct err *why)
{
    return why->code == ERR_CANCELLED || (why->code == ERR_CORRUPT && s->from_hub);
}

static bool find_all(struct pull_source *s, struct pull_request *q, struct err *e)
{
    const json_t *list = s->hit.entry->sources;
    for (size_t i = 0; i < json_array_size(list) && q->job.n_url < LIMIT_PULL_SOURCES; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        *e = (struct err){0};
        if (find_address(s, q, text, e)) {
            q->job.url[q->job.n_url] = s->url[q->job.n_url];
            q->job.n_url++;
        } else if (is_over(s, e)) {
            return false;
        } else {
            fprintf(stderr, "%s: %s\n", text, e->msg);
        }
    }
    if (q->job.n_url > 0)
        return true;
    return s->pinned ? err_at(e, "%s must be what came first (--sha256 changes that)",
                              s->hit.entry->name.text)
                     : false;
}

/* What is known of the file: the user's word, the catalogue's, or what came first. */
static bool find_digest(struct pull_source *s, const struct store *store, struct err *e)
{
    const struct catalog_entry *m = s->hit.entry;
    bool found = false;
    struct digest pin;
    if (m->has_digest) {
        struct upstream u = {.has_digest = true, .digest = m->digest};
        bool ok = pull_source_agree(s, m->name.text, &u, e);
        s->from_hub = false;
        return ok;
    }
    s->pin = true;
    if (s->has_digest)
        return true;
    if (!pins_get(store, s->hit.from, &m->name, &found, &pin, e))
        return false;
    s->pinned = s->has_digest = found;
    s->pin = !found;
    if (found)
        s->digest = pin;
    return true;
}

bool pull_source_catalog(struct pull_source *s, const struct pull_options *o,
                         struct pull_request *q, struct err *e)
{
    struct store store;
    struct name name;
    if (!name_parse(&name, str_of(o->what), e) || !store_open(&store, false, e) ||
        !catalogs_find(&s->hit, &store, &name, e) || !find_digest(s, &store, e) ||
        !find_all(s, q, e))
        return false;
    const struct catalog_entry *m = s->hit.entry;
    if (!q->job.root)
        q->job.root = m->tree;
    if (m->has_digest)
        q->job.size = m->size;
    q->template_digest = m->has_template ? &m->template_digest : NULL;
    snprintf(s->shown, sizeof s->shown, "catalog:%s/%s", s->hit.from, m->name.text);
    q->source = s->shown;
    q->name = name;
    return !o->name || name_parse(&q->name, str_of(o->name), e);
}

bool pull_source_pin(const struct pull_source *s, const struct pull_result *r, struct err *e)
{
    struct store store;
    struct os_lock lock;
    if (!s->pin)
        return true;
    if (!store_open(&store, true, e) || !store_lock(&store, &lock, e))
        return false;
    bool ok = pins_set(&store, s->hit.from, &s->hit.entry->name, &r->digest, e);
    os_lock_close(&lock);
    return ok;
}
