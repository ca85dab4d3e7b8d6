/* SPDX-License-Identifier: Apache-2.0 */
/* cli/bench_explain: see bench_explain.h. */
#include "cli/bench_explain.h"

#include <stdio.h>

#include "cli/opts.h"
#include "cli/table.h"

static const struct {
    const char *key, *name;
} stages[STAGES] = {
    [STAGE_EMBED] = {"embed", N_("embedding")},
    [STAGE_QKV] = {"qkv", N_("norm, q, k, v")},
    [STAGE_ATTENTION] = {"attention", N_("attention")},
    [STAGE_RECURRENT] = {"recurrent", N_("recurrence")},
    [STAGE_OUTPUT] = {"output", N_("output projection")},
    [STAGE_GATE_UP] = {"gate_up", N_("norm, gate, up")},
    [STAGE_DOWN] = {"down", N_("down")},
    [STAGE_EXPERTS] = {"experts", N_("experts")},
    [STAGE_NORMS] = {"norms", N_("norms, residuals")},
    [STAGE_LOGITS] = {"logits", N_("norm, logits")},
    [STAGE_OUTSIDE] = {"outside", N_("between passes")},
};

static struct stage_work sum_of(const struct bench_parts *b)
{
    struct stage_work all = {0};
    for (int s = 0; s < STAGES; s++) {
        all.ns += b->stages.of[s].ns;
        all.bytes += b->stages.of[s].bytes;
        all.macs += b->stages.of[s].macs;
    }
    return all;
}

/* Digits after the point that leave four or five in front of it at most. */
static int digits(double largest, int most)
{
    for (double bound = 10; largest >= bound && most > 0; bound *= 10)
        most--;
    return most;
}

/* One row, of a pass; blank where there is nothing to say. `all` is the sum of the column. */
static void add_row(struct table *t, const char *name, const struct stage_work *w,
                    const struct stage_work *all, const struct bench_parts *b, double limit)
{
    double seconds = (double)w->ns * 1e-9, passes = (double)b->passes;
    double rate = (double)w->bytes / seconds;
    table_cell(t, str_of(name));
    table_fmt(t, "%.*f", digits((double)all->ns * 1e-6 / passes, 3), seconds * 1e3 / passes);
    table_fmt(t, "%.1f", 100 * (double)w->ns / (double)b->ns);
    if (w->bytes) {
        table_fmt(t, "%.*f", digits((double)all->bytes * 1e-6 / passes, 3),
                  (double)w->bytes * 1e-6 / passes);
        table_fmt(t, "%.1f", rate * 1e-9);
        table_fmt(t, "%.0f", 100 * rate / limit);
    } else {
        for (int i = 0; i < 3; i++)
            table_cell(t, STR(""));
    }
    if (w->macs) {
        table_fmt(t, "%.*f", digits((double)all->macs * 1e-9 / passes, 3),
                  (double)w->macs * 1e-9 / passes);
        table_fmt(t, "%.1f", (double)w->macs / seconds * 1e-9);
    } else {
        for (int i = 0; i < 2; i++)
            table_cell(t, STR(""));
    }
}

static bool print_parts(const char *title, const struct bench_parts *b, double limit, struct err *e)
{
    const char *const units[] = {"MB", "GB/s", NULL, "GMAC", "GMAC/s"};
    struct table t;
    struct stage_work all = sum_of(b);
    table_init(&t, "lrrrrrrr");
    table_cell(&t, str_of(title));
    table_cell(&t, str_of(_("ms")));
    table_cell(&t, str_of(_("time %")));
    for (int i = 0; i < 5; i++)
        table_cell(&t, str_of(units[i] ? units[i] : _("limit %")));
    for (int s = 0; s < STAGES; s++)
        if (b->stages.of[s].ns &&
            (b->stages.of[s].bytes || b->stages.of[s].macs || s >= STAGE_EXPERTS))
            add_row(&t, _(stages[s].name), &b->stages.of[s], &all, b, limit);
    add_row(&t, _("all"), &all, &all, b, limit);
    putchar('\n');
    bool ok = table_print(&t, true, e);
    table_clear(&t);
    return ok;
}

static const struct {
    const char *key, *name;
} arithmetics[ARITHMETICS] = {
    [ARITHMETIC_F32] = {"f32", "F32"},
    [ARITHMETIC_INT8] = {"int8", "int8"},
    [ARITHMETIC_BF16] = {"bf16", "BF16"},
};

static void print_macs(const struct machine_macs *m)
{
    char list[96] = "";
    size_t n = 0;
    for (int k = 0; k < ARITHMETICS; k++)
        if (m->rate[k] > 0)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s %.0f", n ? ", " : "",
                                  arithmetics[k].name, m->rate[k] * 1e-9);
    if (n)
        printf(_("limit: multiply-adds, from the nearest cache, by the same threads, in GMAC/s:\n"
                 "%s\n"),
               list);
}

bool explain_print(const struct bench_params *p, const struct bench_result *r, struct err *e)
{
    double limit = machine_best_read(&r->reads);
    char title[64];
    printf(_("\nlimit: memory is read at %.1f GB/s, the best of plain (%.1f) and prefetching\n"
             "reads (%.1f) of %llu MiB by the same threads; bytes: weights, keys, values;\n"
             "more than 100 %% of it: a cache holds them\n"),
           limit * 1e-9, r->reads.plain * 1e-9, r->reads.prefetching * 1e-9,
           (unsigned long long)(r->reads.bytes >> 20));
    print_macs(&r->macs);
    snprintf(title, sizeof title, _("prefill of %u"), p->n_prompt);
    if (r->prefill.passes && !print_parts(title, &r->prefill, limit, e))
        return false;
    snprintf(title, sizeof title, _("decode, %u a step"), p->sequences);
    return !r->decode.passes || print_parts(title, &r->decode, limit, e);
}

static json_t *parts_json(const struct bench_parts *b, uint32_t tokens, double limit)
{
    json_t *list = json_array();
    for (int s = 0; s < STAGES; s++) {
        const struct stage_work *w = &b->stages.of[s];
        double seconds = (double)w->ns * 1e-9;
        if (w->ns)
            json_array_append_new(list, json_pack("{s:s, s:f, s:I, s:I, s:f}", "stage",
                                                  stages[s].key, "seconds", seconds, "bytes",
                                                  (json_int_t)w->bytes, "macs", (json_int_t)w->macs,
                                                  "of_limit", (double)w->bytes / seconds / limit));
    }
    return json_pack("{s:I, s:i, s:f, s:o}", "passes", (json_int_t)b->passes, "tokens_per_pass",
                     (int)tokens, "seconds", (double)b->ns * 1e-9, "stages", list);
}

static json_t *macs_json(const struct machine_macs *m)
{
    json_t *j = json_object();
    for (int k = 0; k < ARITHMETICS; k++)
        json_object_set_new(j, arithmetics[k].key, json_real(m->rate[k]));
    return j;
}

json_t *explain_json(const struct bench_params *p, const struct bench_result *r)
{
    double limit = machine_best_read(&r->reads);
    return json_pack("{s:{s:f, s:f, s:I}, s:o, s:o, s:o}", "read_bytes_per_s", "plain",
                     r->reads.plain, "prefetching", r->reads.prefetching, "bytes",
                     (json_int_t)r->reads.bytes, "macs_per_s", macs_json(&r->macs), "prefill",
                     parts_json(&r->prefill, p->n_prompt, limit), "decode",
                     parts_json(&r->decode, p->sequences, limit));
}
