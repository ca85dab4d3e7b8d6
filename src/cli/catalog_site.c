/* SPDX-License-Identifier: Apache-2.0 */
/* moat catalog list, add, update and remove: which catalogues are used. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cli/catalog.h"
#include "cli/interrupt.h"
#include "cli/pull_opts.h"
#include "cli/table.h"
#include "fetch/role.h"
#include "fetch/url.h"

static struct {
    const char *name;
    const char *keys[SIGN_SIGNERS];
    uint32_t n_key, needed;
    bool without, json, helped; /* without: --unsigned */
    struct pull_options net;
} o;

static bool add_key(void *out, struct str value, struct err *e)
{
    (void)out;
    if (o.n_key == SIGN_SIGNERS)
        return fail(e, ERR_LIMIT, "%d keys are the most", SIGN_SIGNERS);
    o.keys[o.n_key++] = value.p; /* a whole argv tail: NUL-terminated */
    return true;
}

static const struct opt json_table[] = {
    {"json", 0, OPT_FLAG, &o.json, NULL, N_("print one JSON object"), 0, 0, NULL}, {0}};
static const struct opt net_table[] = {
    {"proxy", 0, OPT_TEXT, &o.net.job.proxy, "URL",
     N_("http://, https://, socks5:// or socks5h:// proxy for all addresses"), 0, 0, NULL},
    {"ca", 0, OPT_TEXT, &o.net.job.ca, "FILE", N_("trust these CA certificates (PEM)"), 0, 0, NULL},
    {"token-file", 0, OPT_TEXT, &o.net.token_file, "FILE",
     N_("send the token in this file to the host of the address, and to no other"), 0, 0, NULL},
    {0}};
static const struct opt add_table[] = {
    {"name", 'n', OPT_TEXT, &o.name, "NAME", N_("what the catalogue is to be called here"), 0, 0,
     NULL},
    {"key", 'k', OPT_CALL, NULL, "KEY",
     N_("a key that is trusted for it: ed25519:..., or the name of a .pub file; may be given "
        "often"),
     0, 0, add_key},
    {"needed", 0, OPT_U32, &o.needed, "N",
     N_("so many of the keys must have signed it (default 1)"), 1, SIGN_SIGNERS, NULL},
    {"unsigned", 0, OPT_FLAG, &o.without, NULL,
     N_("take it without a signature: whoever can change it decides what is run"), 0, 0, NULL},
    {0}};

static void start(void)
{
    memset(&o, 0, sizeof o);
    pull_options_init(&o.net);
    o.needed = 1;
}

/* --- fetching ----------------------------------------------------------------------------------
 */

static bool network(const struct catalog_source *s, struct fetch_job *job, struct err *e)
{
    struct url u;
    *job = o.net.job;
    if (!job->ca)
        job->ca = fetch_private_ca();
    if (!url_is(s->origin))
        return true;
    return url_parse(&u, s->origin, e) && pull_auth(&o.net, &u, job, e);
}

/* A catalogue on its way. It is fetched before the store is locked: a slow network holds up nobody
 * else. */
struct fetched {
    struct buf document, signatures;
};

static void fetched_clear(struct fetched *f)
{
    buf_clear(&f->document);
    buf_clear(&f->signatures);
}

static bool bring(const struct catalog_source *s, struct fetched *f, struct err *e)
{
    struct fetch_job *job = mem_new(1, sizeof *job, e);
    *f = (struct fetched){0};
    if (!job)
        return false;
    interrupt_begin();
    bool ok = network(s, job, e) &&
              catalog_fetch(s, job, interrupt_flag(), &f->document, &f->signatures, e);
    interrupt_end();
    mem_free(job);
    return ok;
}

/* Checks it and keeps it, and notes its version; with the store locked. */
static bool take(struct catalog_source *s, const struct fetched *f, const struct store *store,
                 struct err *e)
{
    struct catalog c;
    struct str document = buf_view(&f->document), signatures = buf_view(&f->signatures);
    if (!catalog_accept(s, document, signatures, (int64_t)time(NULL), &c, e))
        return false;
    bool ok = catalog_keep(s, store, document, signatures, e);
    s->seen = c.terms.version;
    if (ok)
        printf(_("catalogue %s: version %llu, %zu models\n"), s->name,
               (unsigned long long)c.terms.version, c.n);
    catalog_clear(&c);
    return ok;
}

/* --- add ----------------------------------------------------------------------------------------
 */

static bool take_keys(struct catalog_source *s, struct err *e)
{
    if (o.without && o.n_key)
        return fail(e, ERR_USAGE, "either --key or --unsigned, not both");
    if (!o.without && !o.n_key)
        return fail(e, ERR_USAGE,
                    "moat catalog add needs --key KEY, who must have signed it; ask those who run "
                    "it (--unsigned goes without)");
    if (o.needed > o.n_key && !o.without)
        return fail(e, ERR_USAGE, "--needed %u, but only %u keys", o.needed, o.n_key);
    s->key = mem_new(o.n_key + 1, sizeof *s->key, e);
    bool ok = s->key != NULL;
    for (; ok && s->n_key < o.n_key; s->n_key += ok)
        ok = sign_key_given(&s->key[s->n_key], o.keys[s->n_key], e);
    s->needed = o.without ? 0 : o.needed;
    return ok;
}

static bool take_origin(struct catalog_source *s, const char *text, struct err *e)
{
    struct url u;
    if (url_is(text) && !url_parse(&u, text, e))
        return false;
    if (url_is(text) && u.has_user)
        return fail(e, ERR_USAGE, "an address with a password would be kept; use --token-file");
    char *path = url_is(text) ? NULL : realpath(text, NULL);
    if (!url_is(text) && !path)
        return os_fail_open(text, e);
    const char *from = path ? path : text;
    s->origin = mem_new(strlen(from) + 1, 1, e);
    if (s->origin)
        memcpy(s->origin, from, strlen(from) + 1);
    free(path);
    return s->origin != NULL;
}

static bool take_name(struct catalog_source *s, struct err *e)
{
    if (!o.name)
        return fail(e, ERR_USAGE, "moat catalog add needs --name NAME, what to call it here");
    if (!name_part_valid(str_of(o.name)))
        return fail(e, ERR_USAGE,
                    "\"%s\" is no name: 1 to %d letters, digits, \".\", \"_\" or \"-\"", o.name,
                    NAME_PART);
    snprintf(s->name, sizeof s->name, "%s", o.name);
    return true;
}

/* The list, changed by fn while nobody else changes it. */
static bool change(bool (*fn)(struct catalogs *list, const struct store *s, void *arg,
                              struct err *e),
                   void *arg, struct err *e)
{
    struct store store;
    struct catalogs list = {0};
    struct os_lock lock = {.fd = -1};
    bool ok = store_open(&store, true, e) && store_lock(&store, &lock, e) &&
              catalogs_read(&list, &store, e) && fn(&list, &store, arg, e) &&
              catalogs_write(&list, &store, e);
    os_lock_close(&lock);
    catalogs_clear(&list);
    return ok;
}

struct addition {
    struct catalog_source s;
    struct fetched f;
};

static bool add_one(struct catalogs *list, const struct store *s, void *arg, struct err *e)
{
    struct addition *a = arg;
    struct catalog_source source = a->s;
    a->s = (struct catalog_source){0}; /* the list has it now, or it is freed */
    return catalogs_add(list, &source, e) && take(&list->v[list->n - 1], &a->f, s, e);
}

static bool add_built_in(struct catalogs *list, const struct store *s, void *arg, struct err *e)
{
    (void)s;
    (void)arg;
    (void)e;
    list->no_built_in = false;
    return true;
}

static bool add(const char *origin, struct err *e)
{
    struct addition a = {0};
    if (strcmp(origin, CATALOG_BUILT_IN) == 0)
        return change(add_built_in, NULL, e);
    bool ok = take_name(&a.s, e) && take_keys(&a.s, e) && take_origin(&a.s, origin, e) &&
              bring(&a.s, &a.f, e) && change(add_one, &a, e);
    mem_free(a.s.key);
    mem_free(a.s.origin);
    fetched_clear(&a.f);
    return ok;
}

/* --- update, remove -----------------------------------------------------------------------------
 */

struct renewal {
    const char *name;
    struct fetched f;
};

static bool renew_one(struct catalogs *list, const struct store *s, void *arg, struct err *e)
{
    struct renewal *r = arg;
    struct catalog_source *source = catalogs_get(list, str_of(r->name));
    return source ? take(source, &r->f, s, e)
                  : fail(e, ERR_NOT_FOUND, "there is no catalogue %s; moat catalog list shows them",
                         r->name);
}

static bool renew(const struct catalog_source *s, struct err *e)
{
    struct renewal r = {.name = s->name};
    bool ok = bring(s, &r.f, e) && change(renew_one, &r, e);
    fetched_clear(&r.f);
    return ok;
}

/* All of them are tried; the first error counts. */
static bool update(const char *name, struct err *e)
{
    struct store store;
    struct catalogs list = {0};
    bool ok = store_open(&store, false, e) && catalogs_read(&list, &store, e);
    if (ok && name && !catalogs_get(&list, str_of(name)))
        ok = fail(e, ERR_NOT_FOUND, "there is no catalogue %s; moat catalog list shows them", name);
    for (size_t i = 0; ok && i < list.n; i++) {
        struct err why = {0};
        if ((name && strcmp(name, list.v[i].name) != 0) || renew(&list.v[i], &why))
            continue;
        if (!e->code)
            *e = why;
        else
            opts_report(&why);
    }
    catalogs_clear(&list);
    return ok && !e->code;
}

static bool drop_one(struct catalogs *list, const struct store *s, void *arg, struct err *e)
{
    return catalogs_remove(list, s, str_of(arg), e);
}

static bool remove_one(const char *name, struct err *e)
{
    bool ok = change(drop_one, (void *)(uintptr_t)name, e);
    if (ok)
        printf(_("catalogue %s is no longer used\n"), name);
    return ok;
}

/* --- list ---------------------------------------------------------------------------------------
 */

struct listing {
    struct table table;
    json_t *all;
    const struct catalogs *list;
};

static void key_ids(const struct catalog_source *s, char *out, size_t cap)
{
    size_t n = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < s->n_key && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? "," : "", s->key[i].id);
}

static bool list_one(void *arg, const char *name, const struct catalog *c, const struct err *why)
{
    struct listing *l = arg;
    const struct catalog_source *s = catalogs_get(l->list, str_of(name));
    char keys[SIGN_SIGNERS * (SIGN_ID + 1)] = "", expires[32] = "";
    time_t at = c ? (time_t)c->terms.expires : 0;
    struct tm t;
    if (at && gmtime_r(&at, &t))
        strftime(expires, sizeof expires, "%Y-%m-%dT%H:%M:%SZ", &t);
    if (s)
        key_ids(s, keys, sizeof keys);
    const char *origin = s ? s->origin : "";
    const char *signed_by = !s ? _("(part of moat)") : keys[0] ? keys : _("(nobody)");
    table_cell(&l->table, str_of(name));
    table_fmt(&l->table, "%llu", c ? (unsigned long long)c->terms.version : 0ull);
    table_fmt(&l->table, "%zu", c ? c->n : 0);
    table_cell(&l->table, str_of(expires));
    table_cell(&l->table, str_of(signed_by));
    table_cell(&l->table, str_of(c ? origin : why->msg));
    json_array_append_new(
        l->all, json_pack("{s:s, s:I, s:I, s:s*, s:s, s:s, s:b, s:s*}", "name", name, "version",
                          c ? (json_int_t)c->terms.version : 0, "models", c ? (json_int_t)c->n : 0,
                          "expires", expires[0] ? expires : NULL, "keys", keys, "origin", origin,
                          "usable", c != NULL, "error", c ? NULL : why->msg));
    return true;
}

static bool list_all(struct err *e)
{
    struct store store;
    struct catalogs list = {0};
    struct listing l = {.all = json_array(), .list = &list};
    static const char *const heads[] = {N_("NAME"),    N_("VERSION"),   N_("MODELS"),
                                        N_("EXPIRES"), N_("SIGNED BY"), N_("FROM")};
    table_init(&l.table, "lrrlll");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_cell(&l.table, str_of(_(heads[i])));
    bool ok = store_open(&store, false, e) && catalogs_read(&list, &store, e) &&
              catalogs_each(&store, list_one, &l, e);
    if (ok && o.json)
        ok = catalog_print_json(json_pack("{s:O}", "catalogs", l.all), e);
    else if (ok)
        ok = table_print(&l.table, true, e);
    table_clear(&l.table);
    json_decref(l.all);
    catalogs_clear(&list);
    return ok;
}

/* --- commands -----------------------------------------------------------------------------------
 */

static int finish(bool ok, const struct err *e)
{
    return ok ? 0 : opts_report(e);
}

static int main_list(int argc, char **argv)
{
    struct err e = {0};
    struct args args = {.v = (const char *[1]){NULL}};
    start();
    return finish(opts_parse(&catalog_list, (const struct opt *const[]){json_table, NULL}, argc,
                             argv, &args, 0, 0, &o.helped, &e) &&
                      (o.helped || list_all(&e)),
                  &e);
}

static int main_add(int argc, char **argv)
{
    struct err e = {0};
    struct args args = {.v = (const char *[1]){NULL}};
    start();
    return finish(opts_parse(&catalog_add, (const struct opt *const[]){add_table, net_table, NULL},
                             argc, argv, &args, 1, 1, &o.helped, &e) &&
                      (o.helped || add(args.v[0], &e)),
                  &e);
}

static int main_update(int argc, char **argv)
{
    struct err e = {0};
    struct args args = {.v = (const char *[1]){NULL}};
    start();
    return finish(opts_parse(&catalog_update, (const struct opt *const[]){net_table, NULL}, argc,
                             argv, &args, 0, 1, &o.helped, &e) &&
                      (o.helped || update(args.n ? args.v[0] : NULL, &e)),
                  &e);
}

static int main_remove(int argc, char **argv)
{
    static const struct opt none[] = {{0}};
    struct err e = {0};
    struct args args = {.v = (const char *[1]){NULL}};
    start();
    return finish(opts_parse(&catalog_remove, (const struct opt *const[]){none, NULL}, argc, argv,
                             &args, 1, 1, &o.helped, &e) &&
                      (o.helped || remove_one(args.v[0], &e)),
                  &e);
}

const struct command catalog_list = {
    .name = "catalog list",
    .args = "",
    .summary = N_("list the catalogues that are used, in the order in which they are asked"),
    .run = main_list,
};

const struct command catalog_add = {
    .name = "catalog add",
    .args = "ADDRESS|FILE",
    .summary = N_("use a catalogue that is signed by these keys"),
    .detail = N_("The signatures lie beside it as CATALOG.sig. A copy is kept, and checked each "
                 "time it is read; moat catalog update fetches a newer one. moat catalog add "
                 "built-in takes the one that is part of moat into use again."),
    .run = main_add,
};

const struct command catalog_update = {
    .name = "catalog update",
    .args = "[NAME]",
    .summary = N_("fetch the catalogues again, or one of them"),
    .detail = N_("A catalogue that is older than the one before, that has expired or that is not "
                 "signed as it must be is refused, and the copy that is there stays."),
    .run = main_update,
};

const struct command catalog_remove = {
    .name = "catalog remove",
    .args = "NAME",
    .summary = N_("use a catalogue no longer"),
    .detail = N_("moat catalog remove built-in leaves only those that were added."),
    .run = main_remove,
};
