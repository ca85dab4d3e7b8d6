/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pull_source: see pull_source.h. */
#include "cli/pull_source.h"

#include <stdio.h>
#include <string.h>

#include "cli/interrupt.h"
#include "fetch/url.h"
#include "store/upstream.h"

/* "SmolLM2-135M.Q4_K_M.gguf" -> "SmolLM2-135M.Q4_K_M" */
static bool name_of_file(const char *file, struct name *name, struct err *e)
{
    char text[NAME_PART + 1];
    struct str s = str_of(file);
    if (str_ends(s, STR(".gguf")))
        s.n -= 5;
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < NAME_PART; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '_';
        if (plain || n)
            text[n++] = plain ? c : '-';
    }
    text[n] = '\0';
    return name_parse(name, (struct str){text, n}, NULL) ||
           fail(e, ERR_USAGE, "moat pull needs --name NAME[:TAG], what to call the model");
}

/* A model of a registry keeps its name and tag. */
static bool name_of_ref(const struct upstream_ref *r, const char *file, struct name *name,
                        struct err *e)
{
    char text[2 * NAME_PART + 300];
    if (!r->name[0])
        return name_of_file(file, name, e);
    snprintf(text, sizeof text, "%s:%s", r->name, r->revision);
    return name_parse(name, str_of(text), e);
}

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
    } else if (!url_is(text)) {
        return fail(e, ERR_USAGE,
                    "\"%s\" is no address: write NAME[:TAG] of a catalogue, "
                    "https://HOST/FILE.gguf, hf:ORG/REPO/FILE.gguf, ms:ORG/REPO/FILE.gguf, "
                    "ollama:MODEL[:TAG] or oci:HOST/REPOSITORY[:TAG]",
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
                   : name_of_ref(&u->ref, parsed.file, &q->name, e);
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
