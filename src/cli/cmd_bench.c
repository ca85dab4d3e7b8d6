/* SPDX-License-Identifier: Apache-2.0 */
/* moat bench: prefill and decode speed of a model on this machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/os.h"
#include "cli/bench_explain.h"
#include "cli/commands.h"
#include "cli/isolate.h"
#include "cli/lab_opts.h"
#include "cli/open_model.h"
#include "cli/packs.h"
#include "compute/kv_block.h"
#include "lab/bench.h"

struct options {
    const char *model;
    struct bench_params bench;
    struct lab_params lab;
    bool json, helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"prompt", 'p', OPT_U32, &o->bench.n_prompt, "N",
         N_("tokens of prompt to read, from empty (default 512; 0: none)"), 0, 1 << 20, NULL},
        {"decode", 'n', OPT_U32, &o->bench.n_decode, "N",
         N_("tokens to write, one by one (default 64; 0: none)"), 0, 1 << 20, NULL},
        {"depth", 'd', OPT_U32, &o->bench.depth, "N",
         N_("tokens of context before writing (default 0)"), 0, 1 << 20, NULL},
        {"copies", 0, OPT_FLAG, &o->bench.copies, NULL,
         N_("make the context of --depth of copies of a few tokens: as fast to read, sooner there"),
         0, 0, NULL},
        {"batch", 'b', OPT_U32, &o->bench.sequences, "N",
         N_("sequences written together (default 1)"), 1, LAB_BATCH, NULL},
        {"runs", 'r', OPT_U32, &o->bench.runs, "N",
         N_("repetitions of each measurement (default 3)"), 1, BENCH_RUNS, NULL},
        THREADS_OPTION(&o->lab.threads),
        KV_OPTION(&o->lab.kv),
        PRECISION_OPTIONS(&o->lab.precision),
        {"explain", 0, OPT_FLAG, &o->bench.explain, NULL,
         N_("show where the time goes, against how fast this machine reads memory"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {0},
    };
    const char *positional[1 + 1];
    struct args args = {.v = positional};
    *o = (struct options){.bench = {.n_prompt = 512, .n_decode = 64, .sequences = 1, .runs = 3}};
    if (!opts_parse(&cmd_bench, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1, 1,
                    &o->helped, e))
        return false;
    o->model = o->helped ? NULL : args.v[0];
    o->lab.n_ctx = bench_context(&o->bench) + 16;
    o->lab.n_seq = o->lab.n_logits = o->bench.sequences;
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_row(const char *what, const double *tps, uint32_t n)
{
    double sorted[BENCH_RUNS];
    memcpy(sorted, tps, n * sizeof *tps);
    qsort(sorted, n, sizeof *sorted, by_value);
    printf("  %-10s %10.1f %10.1f %10.1f\n", what, sorted[n / 2], sorted[0], sorted[n - 1]);
}

static bool print_table(const struct options *o, const struct lab *l, const struct bench_result *r,
                        double load_s, struct err *e)
{
    printf(_("%s: %u threads, %s, loaded in %.2f s, %llu MiB resident\n"), o->model,
           l->f->p.n_threads, l->f->kernels->isa, load_s,
           (unsigned long long)(os_rss_bytes() >> 20));
    printf("  %-10s %10s %10s %10s\n", _("tokens/s"), _("median"), _("least"), _("most"));
    if (o->bench.n_prompt)
        print_row(_("prefill"), r->prefill_tps, o->bench.runs);
    if (o->bench.n_decode)
        print_row(_("decode"), r->decode_tps, o->bench.runs);
    return !o->bench.explain || explain_print(&o->bench, r, e);
}

static json_t *speeds(const double *tps, uint32_t n)
{
    json_t *a = json_array();
    for (uint32_t i = 0; i < n; i++)
        json_array_append_new(a, json_real(tps[i]));
    return a;
}

static bool print_json(const struct options *o, const struct lab *l, const struct bench_result *r,
                       double load_s, struct err *e)
{
    json_t *j =
        json_pack("{s:s, s:o, s:o, s:f, s:I, s:s, s:i, s:s}", "model", o->model, "prefill_tps",
                  speeds(r->prefill_tps, o->bench.n_prompt ? o->bench.runs : 0), "decode_tps",
                  speeds(r->decode_tps, o->bench.n_decode ? o->bench.runs : 0), "load_s", load_s,
                  "rss_mib", (json_int_t)(os_rss_bytes() >> 20), "isa", l->f->kernels->isa,
                  "threads", (int)l->f->p.n_threads, "kv_type", kv_type_name(o->lab.kv));
    struct buf out;
    buf_init(&out, 1 << 20);
    if (j && o->bench.explain)
        json_object_set_new(j, "explain", explain_json(&o->bench, r));
    bool ok = j && json_write(j, JSON_COMPACT | JSON_REAL_PRECISION(8), &out, e);
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

static bool run(const struct options *o, struct err *e)
{
    struct lab lab = {0};
    struct bench_result r;
    uint64_t t0 = os_now_ns();
    struct gguf *g = isolate_command(true, NULL, e) ? open_model(o->model, e) : NULL;
    bool ok = g && packs_open_lab(&lab, g, &o->lab, e) && isolate_loaded(e);
    double load_s = (double)(os_now_ns() - t0) * 1e-9;
    ok = ok && bench_run(&lab, &o->bench, &r, e);
    if (ok && o->json)
        ok = print_json(o, &lab, &r, load_s, e);
    else if (ok)
        ok = print_table(o, &lab, &r, load_s, e);
    lab_close(&lab);
    return ok;
}

static int main_bench(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e) || (!o.helped && !run(&o, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_bench = {
    .name = "bench",
    .args = "MODEL",
    .summary = N_("measure how fast a model reads and writes on this machine"),
    .run = main_bench,
};
