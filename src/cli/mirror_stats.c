/* SPDX-License-Identifier: Apache-2.0 */
/* cli/mirror_stats: see mirror_stats.h. */
#include "cli/mirror_stats.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/interrupt.h"
#include "cli/pull_opts.h"
#include "cli/table.h"
#include "cli/term.h"
#include "fetch/role.h"

static uint64_t number(const json_t *j, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(j, key));
    return v > 0 ? (uint64_t)v : 0;
}

static void row_size(struct table *t, const char *label, uint64_t bytes)
{
    char size[16];
    table_cell(t, str_of(label));
    table_cell(t, str_of(term_size(bytes, size)));
}

static void row_count(struct table *t, const char *label, uint64_t n)
{
    table_cell(t, str_of(label));
    table_fmt(t, "%llu", (unsigned long long)n);
}

static bool print_whole(const json_t *j, struct err *e)
{
    struct table t;
    table_init(&t, "lr");
    row_count(&t, _("models"), number(j, "models"));
    row_count(&t, _("connections"), number(j, "connections"));
    row_count(&t, _("requests answered"), number(j, "requests"));
    row_count(&t, _("requests refused"), number(j, "refused"));
    row_count(&t, _("clients that left"), number(j, "gone"));
    row_size(&t, _("sent"), number(j, "sent_bytes"));
    row_count(&t, _("pulls from upstream"), number(j, "pulls"));
    row_count(&t, _("of which failed"), number(j, "pulls_failed"));
    row_size(&t, _("fetched from upstream"), number(j, "pulled_bytes"));
    row_size(&t, _("kept for clients"), number(j, "through_bytes"));
    if (number(j, "quota"))
        row_size(&t, _("of at most"), number(j, "quota"));
    row_size(&t, _("removed for want of room"), number(j, "evicted_bytes"));
    bool ok = table_print(&t, false, e);
    table_clear(&t);
    return ok;
}

static bool print_models(const json_t *list, struct err *e)
{
    struct table t;
    const json_t *m;
    size_t i;
    if (json_array_size(list) == 0)
        return true;
    printf("\n");
    table_init(&t, "lrr");
    table_cell(&t, str_of(_("MODEL")));
    table_cell(&t, str_of(_("REQUESTS")));
    table_cell(&t, str_of(_("SENT")));
    json_array_foreach((json_t *)(uintptr_t)list, i, m)
    {
        const json_t *name = json_object_get(m, "model");
        table_cell(&t, (struct str){json_string_value(name), json_string_length(name)});
        table_fmt(&t, "%llu", (unsigned long long)number(m, "requests"));
        char size[16];
        table_cell(&t, str_of(term_size(number(m, "bytes"), size)));
    }
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    return ok;
}

static bool print_now(const json_t *list, struct err *e)
{
    struct table t;
    const json_t *w;
    size_t i;
    if (json_array_size(list) == 0)
        return true;
    printf("\n");
    table_init(&t, "lrrr");
    table_cell(&t, str_of(_("UNDER WAY")));
    table_cell(&t, str_of(_("THERE")));
    table_cell(&t, str_of(_("OF")));
    table_cell(&t, str_of(_("WAITING")));
    json_array_foreach((json_t *)(uintptr_t)list, i, w)
    {
        char done[16], total[16];
        const json_t *name = json_object_get(w, "errand");
        table_cell(&t, (struct str){json_string_value(name), json_string_length(name)});
        table_cell(&t, str_of(term_size(number(w, "done"), done)));
        table_cell(&t, str_of(term_size(number(w, "total"), total)));
        table_fmt(&t, "%llu", (unsigned long long)number(w, "waiting"));
    }
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    return ok;
}

static bool show(struct str text, bool json, struct err *e)
{
    json_t *j = json_parse(text, "stats", e);
    bool ok = j && (json_is_object(j) || fail(e, ERR_CORRUPT, "this is no moat mirror"));
    if (ok && json)
        printf("%.*s\n", (int)text.n, text.p);
    else
        ok = ok && print_whole(j, e) && print_models(json_object_get(j, "sent"), e) &&
             print_now(json_object_get(j, "under_way"), e);
    json_decref(j);
    return ok;
}

static bool ask(const struct pull_options *o, struct fetch_job *q, bool json, struct err *e)
{
    struct url u;
    struct document d;
    struct event last;
    char address[LIMIT_URL_BYTES];
    if (!url_parse(&u, o->what, e) || !pull_auth(o, &u, q, e))
        return false;
    size_t n = strlen(o->what);
    snprintf(address, sizeof address, "%s%sstats", o->what, o->what[n - 1] == '/' ? "" : "/");
    q->url[0] = address;
    interrupt_begin();
    bool ok = fetch_call(q, -1, -1, interrupt_flag(), NULL, NULL, &last, &d, e);
    interrupt_end();
    if (ok && d.status != 200)
        ok = fail(e, d.status == 401 ? ERR_UNAUTHORISED : ERR_NETWORK,
                  "%s answers with HTTP status %d; a key goes into --token-file FILE", u.shown,
                  d.status);
    ok = ok && show(buf_view(&d.body), json, e);
    buf_clear(&d.body);
    return ok;
}

bool mirror_stats_print(const char *url, const char *token_file, bool json, struct err *e)
{
    struct pull_options o = {.what = url, .token_file = token_file};
    struct fetch_job *q = mem_new(1, sizeof *q, e);
    if (!q)
        return false;
    *q = (struct fetch_job){
        .n_url = 1, .document = true, .connections = 1, .stall_s = 10, .ca = fetch_private_ca()};
    bool ok = ask(&o, q, json, e);
    mem_free(q);
    return ok;
}
