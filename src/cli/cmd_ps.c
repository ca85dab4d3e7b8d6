/* SPDX-License-Identifier: Apache-2.0 */
/* moat ps: what the server has loaded, and how busy it is. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask_server.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "cli/term.h"

struct options {
    struct ask_server ask;
    bool json, helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const char *none[1];
    struct args args = {none, 0};
    const struct opt table[] = {
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print one JSON object"), 0, 0, NULL},
        ASK_SERVER_OPTS(&o->ask),
        {0}};
    return opts_parse(&cmd_ps, (const struct opt *const[]){table, NULL}, argc, argv, &args, 0, 0,
                      &o->helped, e);
}

static double number(const json_t *m, const char *key)
{
    return json_number_value(json_object_get(m, key));
}

static const char *state_word(const json_t *m)
{
    static const char *const words[] = {N_("unloaded"), N_("loading"), N_("ready"), N_("fallen"),
                                        N_("unloading")};
    const char *word = json_string_value(json_object_get(m, "state"));
    for (size_t i = 0; word && i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0)
            return _(words[i]);
    return "?";
}

static void add_size(struct table *t, double bytes)
{
    char size[16] = "";
    table_cell(t, str_of(bytes > 0 ? term_size((uint64_t)bytes, size) : ""));
}

/* Until it is unloaded for want of work. */
static void add_left(struct table *t, const json_t *m)
{
    const json_t *left = json_object_get(m, "unloads_in_seconds");
    double seconds = json_number_value(left);
    if (!json_is_number(left))
        table_cell(t, STR(""));
    else if (seconds < 120)
        table_fmt(t, _("%.0f s"), seconds);
    else
        table_fmt(t, _("%.0f min"), seconds / 60);
}

static void add_row(struct table *t, const json_t *m)
{
    const json_t *name = json_object_get(m, "model");
    double blocks = number(m, "kv_blocks");
    table_cell(t, (struct str){json_string_value(name), json_string_length(name)});
    if (json_is_number(json_object_get(m, "progress")))
        table_fmt(t, "%s %.0f %%", state_word(m), 100 * number(m, "progress"));
    else
        table_cell(t, str_of(state_word(m)));
    add_size(t, number(m, "memory_bytes"));
    if (blocks > 0)
        table_fmt(t, "%.0f %%", 100 * number(m, "kv_blocks_used") / blocks);
    else
        table_cell(t, STR(""));
    table_fmt(t, "%.0f", number(m, "running"));
    table_fmt(t, "%.0f", number(m, "waiting") + number(m, "loading"));
    add_left(t, m);
}

static bool print_table(const json_t *models, struct err *e)
{
    static const char *const heads[] = {N_("MODEL"),   N_("STATE"),   N_("MEMORY"),    N_("CACHE"),
                                        N_("RUNNING"), N_("WAITING"), N_("UNLOADS IN")};
    struct table t;
    json_t *m;
    size_t i;
    table_init(&t, "llrrrrr");
    for (i = 0; i < sizeof heads / sizeof *heads; i++)
        table_cell(&t, str_of(_(heads[i])));
    json_array_foreach((json_t *)(uintptr_t)models, i, m)
    {
        add_row(&t, m);
    }
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    return ok;
}

static bool print_json(const struct server_answer *a, struct err *e)
{
    struct buf out;
    buf_init(&out, 32u << 20);
    json_object_set_new(a->body, "server", json_string(a->where));
    bool ok = json_write(a->body, JSON_COMPACT, &out, e);
    if (ok)
        puts(buf_c(&out));
    buf_clear(&out);
    return ok;
}

static bool run(const struct options *o, struct err *e)
{
    struct server_answer a;
    bool ok = ask_server(&o->ask, "/ready", NULL, &a, e);
    const json_t *models = json_object_get(a.body, "models");
    if (ok && !json_is_array(models)) { /* it says no more to who has no key */
        a.status = a.status == 200 || a.status == 503 ? 401 : a.status;
        ok = server_answer_good(&a, e);
    }
    if (ok)
        ok = o->json ? print_json(&a, e) : print_table(models, e);
    server_answer_clear(&a);
    return ok;
}

static int main_ps(int argc, char **argv)
{
    struct err e = {0};
    struct options o = {0};
    bool ok = parse(&o, argc, argv, &e) && (o.helped || run(&o, &e));
    return ok ? 0 : opts_report(&e);
}

const struct command cmd_ps = {
    "ps",
    "",
    N_("show what the server has loaded, and how busy it is"),
    N_("Asks the moat serve of this machine, over its Unix socket where it has one. MEMORY is what "
       "the model may take, CACHE how much of its keys and values is in use or kept for answers to "
       "come, WAITING what has no turn yet, UNLOADS IN when it goes if no work comes."),
    main_ps,
};
