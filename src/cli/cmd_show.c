/* SPDX-License-Identifier: Apache-2.0 */
/* moat show: what a model file holds. Reads metadata and the tensor list, never the weights. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/near.h"
#include "cli/commands.h"
#include "cli/isolate.h"
#include "cli/open_model.h"
#include "cli/show.h"
#include "cli/table.h"
#include "cli/term.h"

enum { VALUE_BYTES = 1 << 16 };

struct options {
    const char *model, *key;
    bool tensors, json, helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"tensors", 't', OPT_FLAG, &o->tensors, NULL,
         N_("list every tensor: type, shape (row length first) and size"), 0, 0, NULL},
        {"key", 'k', OPT_TEXT, &o->key, "KEY",
         N_("print the whole value of one metadata key, an array one element a line"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL,
         N_("print one JSON object with all metadata and tensors, or the value of --key"), 0, 0,
         NULL},
        {0},
    };
    const char *positional[1];
    struct args args = {.v = positional};
    *o = (struct options){0};
    if (!opts_parse(&cmd_show, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1, 1,
                    &o->helped, e))
        return false;
    o->model = o->helped ? NULL : args.v[0];
    return true;
}

/* --- one key ---------------------------------------------------------------------------------- */

static bool no_such_key(const struct gguf *g, const char *key, struct err *e)
{
    struct near n;
    struct buf names; /* NUL-terminated, one after another */
    near_init(&n, str_of(key));
    buf_init(&names, g->file_bytes + g->n_kv + 1);
    for (uint64_t i = 0; i < g->n_kv; i++) {
        buf_str(&names, g->kv[i].key);
        buf_byte(&names, '\0');
    }
    for (size_t at = 0; at < names.n && !names.bad; at += str_of(names.p + at).n + 1)
        near_offer(&n, names.p + at);
    const char *best = near_best(&n);
    if (best)
        fail(e, ERR_NOT_FOUND, "no metadata key %s in this file; did you mean %s?", key, best);
    else
        fail(e, ERR_NOT_FOUND, "no metadata key %s in this file; moat show lists them all", key);
    buf_clear(&names);
    return false;
}

/* Bytes as they are into a file or pipe, cleaned for a terminal. */
static void put_text(struct str s, struct buf *line)
{
    buf_reset(line);
    if (term_is(STDOUT_FILENO))
        term_clean(line, s);
    else
        buf_str(line, s);
    fwrite(buf_c(line), 1, line->n, stdout);
    putchar('\n');
}

static bool show_key(const struct gguf *g, const struct options *o, struct err *e)
{
    const struct gguf_kv *kv = gguf_find(g, o->key);
    if (!kv)
        return no_such_key(g, o->key, e);
    if (o->json) {
        show_json_value(kv);
        putchar('\n');
        return true;
    }
    struct buf line;
    buf_init(&line, g->file_bytes * 3 + 1);
    for (uint64_t i = 0; i < kv->n; i++) {
        if (kv->elem == GGUF_STRING) {
            put_text(kv->type == GGUF_ARRAY ? kv->strings[i] : kv->text, &line);
        } else {
            buf_reset(&line);
            show_number(kv, i, &line);
            puts(buf_c(&line));
        }
    }
    buf_clear(&line);
    return true;
}

/* --- everything ------------------------------------------------------------------------------- */

static uint64_t weights_of(const struct gguf_tensor *t)
{
    return t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3]; /* no wrap: the file holds them */
}

/* 134515008 -> "134.5 M". */
static const char *short_count(uint64_t n, char out[16])
{
    static const char units[] = {' ', 'K', 'M', 'G', 'T', 'P', 'E'};
    size_t unit = 0;
    double v = (double)n;
    for (; v >= 1000; v /= 1000)
        unit++;
    snprintf(out, 16, unit ? "%.1f %c" : "%.0f", v, units[unit]);
    return out;
}

static void print_head(const struct gguf *g, const char *path)
{
    char size[16], count[16];
    uint64_t weights = 0;
    for (uint64_t i = 0; i < g->n_tensors; i++)
        weights += weights_of(&g->tensors[i]);
    struct buf name;
    buf_init(&name, VALUE_BYTES);
    term_clean(&name, str_of(path));
    printf(_("%s: GGUF version %u, %s, %llu metadata entries, %llu tensors, %s weights"),
           buf_c(&name), g->version, term_size(g->file_bytes, size), (unsigned long long)g->n_kv,
           (unsigned long long)g->n_tensors, short_count(weights, count));
    if (g->n_splits > 1)
        printf(_(", in %u files"), g->n_splits);
    puts("\n");
    buf_clear(&name);
}

/* What is left of a line for the values, the other two columns being as wide as they are. */
static size_t value_room(const struct gguf *g)
{
    uint32_t key = 0, type = 0, columns = term_columns(STDOUT_FILENO);
    struct buf text;
    buf_init(&text, 64);
    for (uint64_t i = 0; i < g->n_kv; i++) {
        uint32_t w = term_text_width(g->kv[i].key);
        key = w > key ? w : key;
        buf_reset(&text);
        show_type(&g->kv[i], &text);
        type = text.n > type ? (uint32_t)text.n : type;
    }
    buf_clear(&text);
    if (!term_is(STDOUT_FILENO))
        columns = 140;
    return columns > key + type + 4 + 40 ? columns - key - type - 4 - 8 : 32;
}

static bool print_metadata(const struct gguf *g, struct err *e)
{
    struct table t;
    struct buf text;
    size_t room = value_room(g);
    table_init(&t, "lll");
    buf_init(&text, VALUE_BYTES);
    table_cell(&t, str_of(_("KEY")));
    table_cell(&t, str_of(_("TYPE")));
    table_cell(&t, str_of(_("VALUE")));
    for (uint64_t i = 0; i < g->n_kv; i++) {
        table_cell(&t, g->kv[i].key);
        buf_reset(&text);
        show_type(&g->kv[i], &text);
        table_cell(&t, buf_view(&text));
        buf_reset(&text);
        show_value(&g->kv[i], room, &text);
        table_cell(&t, buf_view(&text));
    }
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    buf_clear(&text);
    return ok;
}

static bool print_tensors(const struct gguf *g, struct err *e)
{
    struct table t;
    char size[16];
    table_init(&t, "llrr");
    table_cell(&t, str_of(_("TENSOR")));
    table_cell(&t, str_of(_("TYPE")));
    table_cell(&t, str_of(_("SHAPE")));
    table_cell(&t, str_of(_("SIZE")));
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        const struct gguf_tensor *w = &g->tensors[i];
        struct buf shape;
        buf_init(&shape, 128);
        for (uint32_t d = 0; d < w->n_dim; d++)
            buf_fmt(&shape, "%s%" PRIu64, d ? " x " : "", w->ne[d]);
        table_cell(&t, w->name);
        table_cell(&t, str_of(dtype_name(w->type)));
        table_cell(&t, buf_view(&shape));
        table_cell(&t, str_of(term_size(w->n_bytes, size)));
        buf_clear(&shape);
    }
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    return ok;
}

struct total {
    enum dtype type;
    uint64_t n_tensors, weights, bytes;
};

static int by_bytes(const void *a, const void *b)
{
    const struct total *x = a, *y = b;
    return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static void total_row(struct table *t, const char *name, const struct total *sum)
{
    char size[16];
    table_cell(t, str_of(name));
    table_fmt(t, "%" PRIu64, sum->n_tensors);
    table_fmt(t, "%" PRIu64, sum->weights);
    table_cell(t, str_of(term_size(sum->bytes, size)));
    table_fmt(t, "%.2f", (double)sum->bytes * 8 / (double)sum->weights);
}

static bool print_totals(const struct gguf *g, struct err *e)
{
    struct total totals[DTYPE_COUNT] = {0}, all = {0};
    struct table t;
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        struct total *one = &totals[g->tensors[i].type];
        one->type = g->tensors[i].type;
        one->n_tensors++;
        one->weights += weights_of(&g->tensors[i]);
        one->bytes += g->tensors[i].n_bytes;
    }
    qsort(totals, DTYPE_COUNT, sizeof *totals, by_bytes);
    table_init(&t, "lrrrr");
    table_cell(&t, str_of(_("TYPE")));
    table_cell(&t, str_of(_("TENSORS")));
    table_cell(&t, str_of(_("WEIGHTS")));
    table_cell(&t, str_of(_("SIZE")));
    table_cell(&t, str_of(_("BITS/WEIGHT")));
    for (size_t i = 0; i < DTYPE_COUNT && totals[i].n_tensors; i++) {
        total_row(&t, dtype_name(totals[i].type), &totals[i]);
        all.n_tensors += totals[i].n_tensors;
        all.weights += totals[i].weights;
        all.bytes += totals[i].bytes;
    }
    total_row(&t, _("total"), &all);
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    return ok;
}

static bool show_all(const struct gguf *g, const struct options *o, struct err *e)
{
    print_head(g, o->model);
    if (g->n_kv && !print_metadata(g, e))
        return false;
    if (g->n_tensors == 0)
        return true;
    putchar('\n');
    if (o->tensors) {
        if (!print_tensors(g, e))
            return false;
        putchar('\n');
    }
    return print_totals(g, e);
}

static bool run(const struct options *o, struct err *e)
{
    struct gguf *g = isolate_command(false, NULL, e) ? open_to_look(o->model, e) : NULL;
    if (!g)
        return false;
    bool ok = true;
    if (o->key)
        ok = show_key(g, o, e);
    else if (o->json)
        show_json_file(g, o->model);
    else
        ok = show_all(g, o, e);
    gguf_close(g);
    return ok;
}

static int main_show(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e) || (!o.helped && !run(&o, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_show = {
    .name = "show",
    .args = "MODEL",
    .summary = N_("show the metadata, tensors and sizes of a model"),
    .detail = N_("MODEL is a GGUF file or the name of an imported model. Long values are cut: "
                 "--key prints one whole."),
    .run = main_show,
};
