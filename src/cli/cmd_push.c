/* SPDX-License-Identifier: Apache-2.0 */
/* moat push: a model of the store to a registry. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/pull_opts.h"
#include "cli/pull_show.h"
#include "cli/term.h"
#include "store/push.h"

static struct {
    struct pull_options net;
    bool json, helped;
} o;

static bool read_target(struct push_request *q, const char *text, struct err *e)
{
    struct url u;
    if (!upstream_is(text))
        return fail(e, ERR_USAGE,
                    "\"%s\" is no registry: write oci:HOST/REPOSITORY[:TAG] or "
                    "ollama:HOST/NAMESPACE/MODEL[:TAG]",
                    text);
    if (!upstream_parse(&q->to, text, e))
        return err_at(e, "%s", text);
    if (q->to.kind != UPSTREAM_OCI && q->to.kind != UPSTREAM_OLLAMA)
        return fail(e, ERR_UNSUPPORTED,
                    "%s: moat pushes to registries only: oci:HOST/REPOSITORY[:TAG]", text);
    return url_parse(&u, q->to.base, e) && pull_auth(&o.net, &u, &q->how, e);
}

static bool print(const struct manifest *m, const struct push_result *r, const char *to,
                  struct err *e)
{
    char size[16], digest[DIGEST_HEX + 8];
    if (!o.json) {
        printf(r->present ? _("%s is %s too; its bytes were there already\n")
                          : _("%s is %s too; %s sent\n"),
               m->name.text, to, term_size(r->sent, size));
        return true;
    }
    struct buf out;
    snprintf(digest, sizeof digest, "sha256:%s", m->digest.hex);
    buf_init(&out, LIMIT_JSON_BYTES);
    json_t *j =
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:I}", "event", "done", "name", m->name.text, "to", to,
                  "digest", digest, "present", r->present, "sent", (json_int_t)r->sent);
    bool ok = j ? json_write(j, JSON_COMPACT, &out, e) : fail(e, ERR_LIMIT, "not enough memory");
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

static bool send(struct push_request *q, const char *to, struct err *e)
{
    struct pull_watch watch;
    struct pull_show show;
    struct push_result r;
    pull_show_start(&show, q->m->name.text, o.json, &watch);
    q->event = watch.event;
    q->arg = watch.arg;
    q->stop = watch.stop;
    bool ok = push_model(q, &r, e);
    pull_show_end(&show);
    return ok && print(q->m, &r, to, e);
}

static bool push(struct push_request *q, const char *name_text, const char *to, struct err *e)
{
    struct store s;
    struct name name;
    struct manifest m;
    q->how = o.net.job;
    if (!q->how.ca)
        q->how.ca = fetch_private_ca();
    if (!name_parse(&name, str_of(name_text), e) || !read_target(q, to, e) ||
        !store_open(&s, false, e) || !manifest_read(&s, &name, &m, e))
        return false;
    q->store = &s;
    q->m = &m;
    bool ok = send(q, to, e);
    manifest_clear(&m);
    return ok;
}

static bool run(const char *name, const char *to, struct err *e)
{
    struct push_request *q = mem_new(1, sizeof *q, e);
    bool ok = q && push(q, name, to, e);
    mem_free(q);
    return ok;
}

static int main_push(int argc, char **argv)
{
    struct err e = {0};
    memset(&o, 0, sizeof o);
    pull_options_init(&o.net);
    const struct opt table[] = {
        {"limit-rate", 0, OPT_SIZE, &o.net.job.limit_rate, "SIZE",
         N_("bytes a second at most, for example 10M"), 0, 0, NULL},
        {"proxy", 0, OPT_TEXT, &o.net.job.proxy, "URL",
         N_("http://, https://, socks5:// or socks5h:// proxy for all addresses"), 0, 0, NULL},
        {"ca", 0, OPT_TEXT, &o.net.job.ca, "FILE", N_("trust these CA certificates (PEM)"), 0, 0,
         NULL},
        {"token-file", 0, OPT_TEXT, &o.net.token_file, "FILE",
         N_("send the token in this file to the host of the address, and to no other"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o.json, NULL,
         N_("print one JSON object a line: progress, notes, and the result at the end"), 0, 0,
         NULL},
        {0},
    };
    struct args args = {.v = (const char *[2]){NULL, NULL}};
    if (!opts_parse(&cmd_push, (const struct opt *const[]){table, NULL}, argc, argv, &args, 2, 2,
                    &o.helped, &e) ||
        (!o.helped && !run(args.v[0], args.v[1], &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_push = {
    .name = "push",
    .args = "NAME[:TAG] oci:HOST/REPOSITORY[:TAG]",
    .summary = N_("send a model of the store to a registry"),
    .detail = N_("Any registry of the OCI kind will do, http:// before HOST for one without TLS. "
                 "What is there already is not sent again. moat pull oci:HOST/REPOSITORY[:TAG] "
                 "fetches it, and so does ollama pull. Settings and words of moat create are not "
                 "sent: the file alone is."),
    .run = main_push,
};
