/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pull_source: see pull_source.h. */
#include "cli/pull_source.h"

#include <stdio.h>
#include <string.h>

#include "cli/interrupt.h"
#include "fetch/url.h"
#include "store/upstream.h"

bool pull_source_agree(struct pull_source *s, const char *text, const struct upstream *u,
                       struct err *e)
{
    if (!u->has_digest)
        return true;
    if (s->has_digest && strcmp(s->digest.hex, u->digest.hex) != 0)
        return fail(e, ERR_CORRUPT, "%s: its SHA-256 is %s, not %s", text, u->digest.hex,
                    s->digest.hex);
    s->from_hub |= !s->has_digest;
    s->has_digest = true;
    s->digest = u->digest;
    return true;
}

/* One address; u is filled where it is a name at a hub. */
static bool find(struct pull_source *s, struct pull_request *q, const char *text,
                 struct upstream *u, struct err *e)
{
    struct url parsed;
    char *out = s->url[q->job.n_url];
    *u = (struct upstream){0};
    if (upstream_is(text)) {
        if (!upstream_resolve(u, text, &q->job, interrupt_flag(), e) ||
            !pull_source_agree(s, text, u, e))
            return false;
        snprintf(out, LIMIT_URL_BYTES, "%s", u->url);
        if (!q->renew)
            q->renew = text;
        if (u->root[0] && !q->job.root) { /* the first that names one */
            snprintf(s->root, sizeof s->root, "%s", u->root);
            q->job.root = s->root;
        }
    } else if (!url_is(text)) {
        return fail(e, ERR_USAGE,
                    "\"%s\" is no address: write NAME[:TAG] of a catalogue, "
                    "https://HOST/FILE.gguf, hf:ORG/REPO/FILE.gguf, ms:ORG/REPO/FILE.gguf, "
                    "ollama:MODEL[:TAG], oci:HOST/REPOSITORY[:TAG] or moat:HOST/NAME[:TAG]",
                    text);
    } else if (url_parse(&parsed, text, e)) {
        snprintf(out, LIMIT_URL_BYTES, "%s", text);
    } else {
        return false;
    }
    q->job.url[q->job.n_url++] = out;
    return true;
}

static bool is_name(const char *text)
{
    struct name name;
    return !upstream_is(text) && !url_is(text) && !name_is_path(str_of(text)) &&
           name_parse(&name, str_of(text), NULL);
}

static bool find_first(struct pull_source *s, const struct pull_options *o, struct pull_request *q,
                       struct upstream *u, struct err *e)
{
    struct url parsed = {0};
    struct upstream_ref ref;
    const char *base = o->what;
    if (upstream_is(o->what)) {
        if (!upstream_parse(&ref, o->what, e))
            return err_at(e, "%s", o->what);
        base = ref.base;
    }
    if (url_is(base) && (!url_parse(&parsed, base, e) || !pull_auth(o, &parsed, &q->job, e)))
        return false;
    if (!find(s, q, o->what, u, e) || !url_parse(&parsed, s->url[0], e))
        return false;
    snprintf(s->shown, sizeof s->shown, "%s", u->url[0] ? o->what : parsed.shown);
    q->source = s->shown;
    return o->name ? name_parse(&q->name, str_of(o->name), e)
                   : upstream_name(&u->ref, parsed.file, &q->name, e);
}

bool pull_source_find(struct pull_source *s, const struct pull_options *o, struct pull_request *q,
                      struct err *e)
{
    struct upstream u;
    *s = (struct pull_source){0};
    q->job = o->job;
    if (o->sha256 && !digest_parse(&s->digest, str_of(o->sha256), e))
        return false;
    s->has_digest = o->sha256 != NULL;
    interrupt_begin();
    bool ok = is_name(o->what) ? pull_source_catalog(s, o, q, e) : find_first(s, o, q, &u, e);
    for (uint32_t i = 0; ok && i < o->n_mirror; i++)
        ok = find(s, q, o->mirror[i], &u, e) || err_at(e, "--mirror");
    interrupt_end();
    q->expected = s->has_digest ? &s->digest : NULL;
    return ok;
}

void pull_source_clear(struct pull_source *s)
{
    catalog_hit_clear(&s->hit);
}
