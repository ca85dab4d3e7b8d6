/* SPDX-License-Identifier: Apache-2.0 */
/* moat catalog search and show: the models of all catalogues. */
#include <stdio.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/catalog.h"
#include "cli/table.h"
#include "cli/term.h"
#include "store/manifest.h"
#include "store/pins.h"

bool catalog_print_json(json_t *j, struct err *e)
{
    struct buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    bool ok = j ? json_write(j, 0, &out, e) : fail(e, ERR_LIMIT, "not enough memory");
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

/* A text that is not given is left out. */
static void set_text(json_t *j, const char *key, const char *text)
{
    if (text[0])
        json_object_set_new(j, key, json_string(text));
}

static void set_number(json_t *j, const char *key, uint64_t n)
{
    if (n)
        json_object_set_new(j, key, json_integer((json_int_t)n));
}

json_t *catalog_entry_json(const struct catalog_entry *m, const char *from)
{
    json_t *j = json_pack("{s:s, s:s}", "name", m->name.text, "catalog", from);
    set_text(j, "summary", m->summary);
    set_text(j, "parameters", m->parameters);
    set_text(j, "architecture", m->architecture);
    set_text(j, "quantisation", m->quantisation);
    set_text(j, "licence", m->licence);
    set_number(j, "context", m->context);
    set_number(j, "size", m->size);
    set_number(j, "memory", m->memory);
    set_text(j, "sha256", m->has_digest ? m->digest.hex : "");
    set_text(j, "tree", m->tree ? m->tree : "");
    set_text(j, "template_sha256", m->has_template ? m->template_digest.hex : "");
    if (m->aliases)
        json_object_set(j, "aliases", (json_t *)(uintptr_t)m->aliases);
    json_object_set(j, "sources", (json_t *)(uintptr_t)m->sources);
    return j;
}

/* --- search ------------------------------------------------------------------------------------
 */

struct search {
    const struct store *store;
    const char *const *words;
    uint32_t n_word, n;
    struct table table;
    json_t *models;
    struct map seen; /* names an earlier catalogue has: that one counts */
    struct arena names;
    int status;
};

static void add_row(struct search *s, const struct catalog_entry *m, const char *from)
{
    char size[16] = "", memory[16] = "";
    table_cell(&s->table, str_of(m->name.text));
    table_cell(&s->table, str_of(m->size ? term_size(m->size, size) : ""));
    table_cell(&s->table, str_of(m->memory ? term_size(m->memory, memory) : ""));
    table_cell(&s->table, str_of(m->quantisation));
    table_cell(&s->table, str_of(m->licence));
    table_cell(&s->table, str_of(manifest_exists(s->store, &m->name) ? _("yes") : ""));
    table_cell(&s->table, str_of(from));
    table_cell(&s->table, str_of(m->summary));
    json_t *j = catalog_entry_json(m, from);
    json_object_set_new(j, "present", json_boolean(manifest_exists(s->store, &m->name)));
    json_array_append_new(s->models, j);
    s->n++;
}

static bool search_one(void *arg, const char *name, const struct catalog *c, const struct err *why)
{
    struct search *s = arg;
    uint32_t other;
    if (!c) {
        s->status = opts_report(why);
        return true;
    }
    for (size_t i = 0; i < c->n; i++) {
        const struct catalog_entry *m = &c->v[i];
        char *text = arena_copy(&s->names, str_of(m->name.text), NULL);
        if (!text || map_get(&s->seen, str_of(text), &other) ||
            !map_put(&s->seen, str_of(text), 1, NULL))
            continue;
        if (catalog_matches(m, s->words, s->n_word))
            add_row(s, m, name);
    }
    return true;
}

static bool search(const struct args *words, bool json, int *status, struct err *e)
{
    struct store store;
    struct search s = {
        .store = &store, .words = words->v, .n_word = words->n, .models = json_array()};
    static const char *const heads[] = {N_("NAME"),    N_("SIZE"), N_("MEMORY"), N_("WEIGHTS"),
                                        N_("LICENCE"), N_("HERE"), N_("FROM"),   N_("WHAT")};
    table_init(&s.table, "lrrlllll");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_cell(&s.table, str_of(_(heads[i])));
    bool ok = store_open(&store, false, e) && catalogs_each(&store, search_one, &s, e);
    if (ok && json)
        ok = catalog_print_json(json_pack("{s:O}", "models", s.models), e);
    else if (ok && s.n)
        ok = table_print(&s.table, true, e);
    else if (ok)
        ok = fail(e, ERR_NOT_FOUND, "no model of a catalogue has these words");
    table_clear(&s.table);
    json_decref(s.models);
    map_clear(&s.seen);
    arena_clear(&s.names);
    *status = s.status;
    return ok;
}

static int main_search(int argc, char **argv)
{
    bool json = false, helped = false;
    struct err e = {0};
    int status = 0;
    const struct opt table[] = {
        {"json", 0, OPT_FLAG, &json, NULL, N_("print one JSON object"), 0, 0, NULL}, {0}};
    struct args args = {mem_new((size_t)argc, sizeof(char *), &e), 0};
    bool ok = args.v &&
              opts_parse(&catalog_search, (const struct opt *const[]){table, NULL}, argc, argv,
                         &args, 0, UINT32_MAX, &helped, &e) &&
              (helped || search(&args, json, &status, &e));
    mem_free(args.v);
    return ok ? status : opts_report(&e);
}

const struct command catalog_search = {
    .name = "catalog search",
    .args = "[WORD]...",
    .summary = N_("list the models of the catalogues that have all the words"),
    .detail = N_("MEMORY is what a model takes with a context of 8192 tokens. Where several "
                 "catalogues have a name, the first of them counts."),
    .run = main_search,
};

/* --- show --------------------------------------------------------------------------------------
 */

static void row(struct table *t, const char *label, const char *value)
{
    if (!value[0])
        return;
    table_cell(t, str_of(label));
    table_cell(t, str_of(value));
}

static void list_rows(struct table *t, const char *label, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        table_cell(t, str_of(i ? "" : label));
        table_cell(t, str_of(json_string_value(json_array_get(list, i))));
    }
}

static bool print_text(const struct catalog_hit *hit, const struct digest *pin, struct err *e)
{
    const struct catalog_entry *m = hit->entry;
    struct table t;
    char text[32], size[16];
    table_init(&t, "ll");
    row(&t, _("name"), m->name.text);
    list_rows(&t, _("also called"), m->aliases);
    row(&t, _("summary"), m->summary);
    row(&t, _("parameters"), m->parameters);
    row(&t, _("architecture"), m->architecture);
    row(&t, _("weights"), m->quantisation);
    row(&t, _("licence"), m->licence);
    snprintf(text, sizeof text, "%u", m->context);
    row(&t, _("context"), m->context ? text : "");
    row(&t, _("size"), m->size ? term_size(m->size, size) : "");
    row(&t, _("memory"), m->memory ? term_size(m->memory, size) : "");
    row(&t, "SHA-256",
        m->has_digest ? m->digest.hex
        : pin         ? pin->hex
                      : _("not known; what comes first is what it must be"));
    row(&t, _("hash tree"), m->tree ? m->tree : "");
    row(&t, _("template"), m->has_template ? m->template_digest.hex : "");
    row(&t, _("catalogue"), hit->from);
    list_rows(&t, _("sources"), m->sources);
    bool ok = table_print(&t, false, e);
    table_clear(&t);
    return ok;
}

static bool show(const char *text, bool json, struct err *e)
{
    struct store store;
    struct name name;
    struct catalog_hit hit;
    struct digest pin;
    bool found = false;
    if (!name_parse(&name, str_of(text), e) || !store_open(&store, false, e) ||
        !catalogs_find(&hit, &store, &name, e))
        return false;
    bool ok = pins_get(&store, hit.from, &hit.entry->name, &found, &pin, e);
    if (ok && json) {
        json_t *j = catalog_entry_json(hit.entry, hit.from);
        set_text(j, "pinned", found && !hit.entry->has_digest ? pin.hex : "");
        ok = catalog_print_json(j, e);
    } else if (ok) {
        ok = print_text(&hit, found ? &pin : NULL, e);
    }
    catalog_hit_clear(&hit);
    return ok;
}

static int main_show(int argc, char **argv)
{
    bool json = false, helped = false;
    struct err e = {0};
    const struct opt table[] = {
        {"json", 0, OPT_FLAG, &json, NULL, N_("print one JSON object"), 0, 0, NULL}, {0}};
    struct args args = {.v = (const char *[1]){NULL}};
    if (!opts_parse(&catalog_show, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1,
                    1, &helped, &e) ||
        (!helped && !show(args.v[0], json, &e)))
        return opts_report(&e);
    return 0;
}

const struct command catalog_show = {
    .name = "catalog show",
    .args = "NAME[:TAG]",
    .summary = N_("tell all that a catalogue says of one model"),
    .run = main_show,
};
