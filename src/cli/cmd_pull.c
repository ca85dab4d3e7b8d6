/* SPDX-License-Identifier: Apache-2.0 */
/* moat pull: a model from the network becomes a model with a name. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/pull_opts.h"
#include "cli/pull_show.h"
#include "cli/read_settings.h"
#include "cli/table.h"
#include "cli/term.h"
#include "fetch/url.h"
#include "store/pull.h"

/* --- what is to be pulled ------------------------------------------------------------------ */

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

static bool name_model(const struct pull_options *o, const struct url *u, struct name *name,
                       struct err *e)
{
    return o->name ? name_parse(name, str_of(o->name), e) : name_of_file(u->file, name, e);
}

static bool set_request(const struct pull_options *o, struct pull_request *q, struct url *u,
                        struct err *e)
{
    if (!url_is(o->what))
        return fail(e, ERR_USAGE,
                    "\"%s\" is no address; moat pull takes one that begins with https:// or "
                    "http://",
                    o->what);
    for (uint32_t i = 0; i < o->n_mirror; i++)
        if (!url_parse(u, o->mirror[i], e))
            return err_at(e, "--mirror %s", o->mirror[i]);
    if (!url_parse(u, o->what, e) || !name_model(o, u, &q->name, e))
        return false;
    q->job = o->job;
    q->job.url[0] = o->what;
    for (uint32_t i = 0; i < o->n_mirror; i++)
        q->job.url[i + 1] = o->mirror[i];
    q->job.n_url = o->n_mirror + 1;
    q->source = u->shown;
    return pull_auth(o, u, &q->job, e);
}

/* --- what came of it ----------------------------------------------------------------------- */

static void row(struct table *t, const char *label, struct str value)
{
    table_cell(t, str_of(label));
    table_cell(t, value);
}

static bool print_text(const struct pull_request *q, const struct pull_result *r, struct err *e)
{
    struct table t;
    char size[16], received[16];
    table_init(&t, "ll");
    printf(r->replaced ? _("%s is now another model:\n") : _("%s is there:\n"), q->name.text);
    row(&t, _("source"), str_of(q->source));
    table_cell(&t, str_of(_("size")));
    if (r->present)
        table_fmt(&t, _("%s, was in the store already"), term_size(r->size, size));
    else
        table_fmt(&t, _("%s, of which %s came now"), term_size(r->size, size),
                  term_size(r->received, received));
    row(&t, _("architecture"), str_of(r->architecture));
    row(&t, "SHA-256", str_of(r->digest.hex));
    row(&t, _("verified"),
        str_of(r->verified ? _("yes") : _("no: nothing to compare with was given (--sha256)")));
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

static bool run(const struct pull_options *o, struct err *e)
{
    struct pull_request q = {0};
    struct pull_result r;
    struct pull_show show;
    struct digest expected;
    struct url u;
    json_t *settings = NULL;
    if (!set_request(o, &q, &u, e) ||
        (o->sha256 && !digest_parse(&expected, str_of(o->sha256), e)) ||
        (o->config && !read_settings(o->config, &settings, e)))
        return false;
    q.expected = o->sha256 ? &expected : NULL;
    q.settings = settings;
    pull_show_start(&show, q.name.text, o->json, &q.watch);
    bool ok = pull_model(&q, &r, e);
    pull_show_end(&show);
    ok = ok && (o->json ? print_json(&q, &r, e) : print_text(&q, &r, e));
    json_decref(settings);
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
    .args = "URL",
    .summary = N_("fetch a model from the network and keep it"),
    .detail =
        N_("The file is fetched over several connections, checked, and kept in $MOAT_HOME "
           "under its SHA-256 and the name given, or a name made of the file's. What breaks "
           "off goes on where it was: with the next try, with the next source, or with the "
           "next moat pull of the same. Failures of the network are tried again for ever; "
           "Ctrl-C stops.\n\n"
           "Proxies are taken from https_proxy, http_proxy, all_proxy and no_proxy, a private "
           "CA also from SSL_CERT_FILE. A user and password may stand in the address; they "
           "are sent to that host only, and kept nowhere."),
    .run = main_pull,
};
