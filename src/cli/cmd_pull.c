/* SPDX-License-Identifier: Apache-2.0 */
/* moat pull: a model from the network becomes a model with a name. */
#include <stdio.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/isolate.h"
#include "cli/pull_run.h"
#include "cli/read_settings.h"
#include "cli/table.h"
#include "cli/term.h"

/* --- what came of it ----------------------------------------------------------------------- */

static void row(struct table *t, const char *label, struct str value)
{
    table_cell(t, str_of(label));
    table_cell(t, value);
}

static const char *how_verified(const struct pull_source *s, const struct pull_result *r)
{
    if (s->pin)
        return _("the catalogue knows no SHA-256: from now on it must be this one");
    if (s->pinned)
        return _("yes, it is what came first");
    if (r->verified && s->hit.entry)
        return _("yes, against the catalogue");
    if (!r->verified)
        return _("no: nothing to compare with was given (--sha256)");
    return s->from_hub ? _("yes, against the SHA-256 that the hub names") : _("yes");
}

static bool print_text(const struct pull_source *s, const struct pull_request *q,
                       const struct pull_result *r, struct err *e)
{
    struct table t;
    char size[16], received[16];
    table_init(&t, "ll");
    printf(r->replaced ? _("%s is now another model:\n") : _("%s is there:\n"), q->name.text);
    row(&t, _("source"), str_of(q->source));
    if (s->hit.entry && s->hit.entry->licence[0])
        row(&t, _("licence"), str_of(s->hit.entry->licence));
    table_cell(&t, str_of(_("size")));
    if (r->present)
        table_fmt(&t, _("%s, was in the store already"), term_size(r->size, size));
    else
        table_fmt(&t, _("%s, of which %s came now"), term_size(r->size, size),
                  term_size(r->received, received));
    row(&t, _("architecture"), str_of(r->architecture));
    row(&t, "SHA-256", str_of(r->digest.hex));
    row(&t, _("verified"), str_of(how_verified(s, r)));
    bool ok = table_print(&t, false, e);
    table_clear(&t);
    return ok;
}

static bool print_json(const struct pull_request *q, const struct pull_result *r, struct err *e)
{
    char digest[DIGEST_HEX + 8];
    struct buf out;
    snprintf(digest, sizeof digest, "sha256:%s", r->digest.hex);
    buf_init(&out, LIMIT_JSON_BYTES);
    json_t *j =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:b, s:b, s:b}", "event", "done", "name",
                  q->name.text, "digest", digest, "source", q->source, "size", (json_int_t)r->size,
                  "received", (json_int_t)r->received, "architecture", r->architecture, "verified",
                  r->verified, "present", r->present, "replaced", r->replaced);
    bool ok = json_write(j, JSON_COMPACT, &out, e);
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

static bool pull(struct pull_source *s, const struct pull_options *o, struct err *e)
{
    struct pull_request q = {0};
    struct pull_result r;
    json_t *settings = NULL;
    if (o->config && !read_settings(o->config, &settings, e))
        return false;
    q.settings = settings;
    bool ok = pull_run(s, o, &q, &r, e);
    ok = ok && (o->json ? print_json(&q, &r, e) : print_text(s, &q, &r, e));
    json_decref(settings);
    return ok;
}

static bool run(const struct pull_options *o, struct err *e)
{
    struct pull_source *s = mem_new(1, sizeof *s, e);
    bool ok = s && isolate_import(true, e) && pull(s, o, e);
    if (s)
        pull_source_clear(s);
    mem_free(s);
    return ok;
}

static int main_pull(int argc, char **argv)
{
    struct pull_options o;
    struct err e = {0};
    bool helped = false;
    if (!pull_options_parse(&o, &cmd_pull, argc, argv, &helped, &e) || (!helped && !run(&o, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_pull = {
    .name = "pull",
    .args = "NAME[:TAG]|URL|hf:...|ms:...|ollama:...|oci:...|moat:...",
    .summary = N_("fetch a model from the network and keep it"),
    .detail =
        N_("The file is fetched over several connections, checked, and kept in $MOAT_HOME "
           "under its SHA-256 and the name given, or a name made of the file's. What breaks "
           "off goes on where it was: with the next try, with the next source, or with the "
           "next moat pull of the same. Failures of the network are tried again for ever; "
           "Ctrl-C stops.\n\n"
           "NAME[:TAG] is looked up in the catalogues: the one that is part of moat and those "
           "that moat catalog add brought; moat catalog search shows what there is.\n\n"
           "Besides addresses it takes hf:ORG/REPO/FILE.gguf (Hugging Face), "
           "ms:ORG/REPO/FILE.gguf (ModelScope), ollama:MODEL[:TAG], "
           "oci:HOST/REPOSITORY[:TAG] and moat:HOST/NAME[:TAG] (a moat mirror); these say "
           "themselves which SHA-256 the file has. "
           "HF_ENDPOINT, MODELSCOPE_DOMAIN and HF_TOKEN are honoured.\n\n"
           "Proxies are taken from https_proxy, http_proxy, all_proxy and no_proxy, a private "
           "CA also from SSL_CERT_FILE. A user and password may stand in the address; they "
           "are sent to that host only, and kept nowhere."),
    .run = main_pull,
};
