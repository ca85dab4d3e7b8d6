/* SPDX-License-Identifier: Apache-2.0 */
/* moat attest: tries every known way out of the sandbox of each role, and says what came of it. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/isolate.h"
#include "cli/table.h"
#include "fetch/role.h"
#include "guard/attest.h"
#include "serve/isolate.h"

struct options {
    bool json, airgap, helped;
};

static const char *outcome_name(enum attest_outcome o)
{
    static const char *const names[] = {N_("untried"), N_("blocked"), N_("REACHED"), N_("allowed"),
                                        N_("not applied")};
    return names[o];
}

static const char *const json_outcomes[] = {"untried", "blocked", "reached", "allowed",
                                            "not-applied"};
static const char *const json_layers[] = {"not-meant", "applied", "refused"};

static bool has(const struct attest *a, unsigned column)
{
    return attest_has_column(a, column);
}

/* --- JSON --------------------------------------------------------------------------------------
 */

static json_t *cell_json(const struct attest_cell *c)
{
    json_t *j = json_pack("{ss}", "outcome", json_outcomes[c->outcome]);
    if (c->signal)
        json_object_set_new(j, "signal", json_integer(c->signal));
    else if (c->error)
        json_object_set_new(j, "error", json_string(strerror(c->error)));
    return j;
}

static json_t *channels_json(const struct attest *a)
{
    json_t *list = json_array();
    for (unsigned i = 0; attest_channel(i); i++) {
        json_t *of = json_object();
        for (unsigned c = 0; c < ATTEST_COLUMNS; c++)
            if (has(a, c))
                json_object_set_new(of, attest_column(c), cell_json(&a->cell[c][i]));
        json_array_append_new(list, json_pack("{ss so}", "channel", attest_channel(i), "by", of));
    }
    return list;
}

static json_t *layers_json(const struct attest *a)
{
    json_t *all = json_object();
    for (unsigned c = 0; c < ATTEST_CONTROL; c++) {
        json_t *of = json_object();
        for (int l = 0; l < SANDBOX_LAYERS; l++) {
            const struct sandbox_state *s = &a->layer[c][l];
            json_t *j = json_pack("{ss}", "state", json_layers[s->outcome]);
            if (s->outcome == SANDBOX_REFUSED)
                json_object_set_new(j, "why", json_string(s->why));
            json_object_set_new(of, sandbox_layer_name((enum sandbox_layer)l), j);
        }
        if (has(a, c))
            json_object_set_new(all, attest_column(c), of);
        else
            json_decref(of);
    }
    return all;
}

static bool print_json(const struct attest *a, struct err *e)
{
    struct buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    json_t *j =
        json_pack("{ss so so sI sI sI sI}", "profile", a->roles[0].airgap ? "airgap" : "standard",
                  "channels", channels_json(a), "layers", layers_json(a), "n_channels",
                  (json_int_t)a->n_channels, "n_roles", (json_int_t)a->n_roles, "reached",
                  (json_int_t)a->n_reached, "not_applied", (json_int_t)a->n_refused);
    bool ok = j && json_write(j, 0, &out, e);
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

/* --- text --------------------------------------------------------------------------------------
 */

static void add_heads(const struct attest *a, struct table *t, const char *first)
{
    table_cell(t, str_of(first));
    for (unsigned c = 0; c < ATTEST_COLUMNS; c++)
        if (has(a, c))
            table_cell(t, str_of(attest_column(c)));
}

static const char *columns(const struct attest *a, char align[TABLE_COLUMNS + 1])
{
    uint32_t n = 1;
    for (unsigned c = 0; c < ATTEST_COLUMNS; c++)
        n += has(a, c);
    memset(align, 'l', n);
    align[n] = '\0';
    return align;
}

static bool print_channels(const struct attest *a, struct err *e)
{
    struct table t;
    char align[TABLE_COLUMNS + 1];
    table_init(&t, columns(a, align));
    add_heads(a, &t, _("WAY OUT"));
    for (unsigned i = 0; attest_channel(i); i++) {
        table_cell(&t, str_of(_(attest_channel(i))));
        for (unsigned c = 0; c < ATTEST_COLUMNS; c++) {
            const struct attest_cell *cell = &a->cell[c][i];
            bool absent = c == ATTEST_CONTROL && cell->outcome == ATTEST_BLOCKED;
            if (has(a, c))
                table_cell(&t, str_of(absent ? _("absent here") : _(outcome_name(cell->outcome))));
        }
    }
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    return ok;
}

static bool print_layers(const struct attest *a, struct err *e)
{
    static const char *const names[] = {"-", N_("applied"), N_("not applied")};
    struct table t;
    char align[TABLE_COLUMNS + 1];
    table_init(&t, columns(a, align));
    add_heads(a, &t, _("LAYER"));
    for (int l = 0; l < SANDBOX_LAYERS; l++) {
        table_cell(&t, str_of(sandbox_layer_name((enum sandbox_layer)l)));
        for (unsigned c = 0; c < ATTEST_COLUMNS; c++)
            if (has(a, c))
                table_cell(&t,
                           str_of(c == ATTEST_CONTROL ? "-" : _(names[a->layer[c][l].outcome])));
    }
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    return ok;
}

static void print_refusals(const struct attest *a)
{
    for (int l = 0; l < SANDBOX_LAYERS; l++)
        for (unsigned c = 0; c < ATTEST_CONTROL; c++)
            if (has(a, c) && a->layer[c][l].outcome == SANDBOX_REFUSED)
                printf(_("the system refuses the layer \"%s\" to the role %s: %s\n"),
                       sandbox_layer_name((enum sandbox_layer)l), attest_column(c),
                       a->layer[c][l].why);
}

static bool print_text(const struct attest *a, struct err *e)
{
    if (!print_channels(a, e))
        return false;
    putchar('\n');
    if (!print_layers(a, e))
        return false;
    putchar('\n');
    print_refusals(a);
    printf("attest: %u channels x %u roles, %u reached, %u not applied\n", a->n_channels,
           a->n_roles, a->n_reached, a->n_refused);
    return true;
}

static bool run(const struct options *o, struct err *e)
{
    bool airgap = o->airgap || !fetch_is_built_in();
    struct isolate *role = mem_new(SANDBOX_ROLES, sizeof *role, e);
    struct attest *a = role ? mem_new(1, sizeof *a, e) : NULL;
    bool ok = a;
    for (int r = 0; ok && r < SANDBOX_ROLES; r++) {
        isolate_init(&role[r], (enum sandbox_role)r, airgap);
        a->roles[r] = role[r].sandbox;
    }
    ok = ok && attest_run(a, e) && (o->json ? print_json(a, e) : print_text(a, e)) &&
         attest_verdict(a, e);
    mem_free(a);
    mem_free(role);
    return ok;
}

static int main_attest(int argc, char **argv)
{
    struct options o = {0};
    struct err e = {0};
    const struct opt table[] = {
        {"airgap", 0, OPT_FLAG, &o.airgap, NULL,
         N_("try the sandboxes of the air-gap profile, which has no fetch roles"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o.json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {0},
    };
    struct args args = {.v = (const char *[1]){NULL}};
    if (!opts_parse(&cmd_attest, (const struct opt *const[]){table, NULL}, argc, argv, &args, 0, 0,
                    &o.helped, &e) ||
        (!o.helped && !run(&o, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_attest = {
    .name = "attest",
    .args = "",
    .summary = N_("try every way out of the sandboxes, and show that none leads out"),
    .detail = N_(
        "For each role of this program (docs/SECURITY.md) a process enters the role's own sandbox "
        "and tries what a program that was taken over would: sockets of all kinds, sockets it was "
        "given turned round, other processes, files that are none of its own. The column \"none\" "
        "is the same without a sandbox; what is absent there proves nothing. \"allowed\" is what "
        "the role is there for: the fetch role dials. What the system refuses to a container or an "
        "unprivileged user is said below. The exit status is 0 only where nothing was reached.\n\n"
        "moat serve does the same when it starts, and ends where anything was reached."),
    .run = main_attest,
};
