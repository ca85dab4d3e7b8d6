/* SPDX-License-Identifier: Apache-2.0 */
/* moat quantize: a GGUF file becomes a smaller one. */
#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/isolate.h"
#include "cli/lab_opts.h"
#include "cli/open_model.h"
#include "cli/progress.h"
#include "cli/term.h"
#include "lab/quantize.h"

struct options {
    const char *model, *importance;
    struct quantize_options quantize;
    bool force, helped;
};

static bool parse_mix(void *out, struct str value, struct err *e)
{
    const struct mix **mix = out;
    *mix = mix_find(value, e);
    return *mix != NULL;
}

/* "blk.*.attn_v.weight=Q8_0" */
static bool parse_override(void *out, struct str value, struct err *e)
{
    struct quantize_options *o = out;
    struct str pattern, rest = value;
    if (o->n_overrides == QUANTIZE_OVERRIDES)
        return fail(e, ERR_LIMIT, "--tensor may be given %d times", QUANTIZE_OVERRIDES);
    struct quantize_override *v = &o->overrides[o->n_overrides++];
    if (!str_cut(&rest, '=', &pattern) || pattern.n == 0 || !dtype_from_name(rest, &v->type))
        return fail(e, ERR_USAGE,
                    "--tensor takes PATTERN=TYPE, as in *.attn_v.weight=Q8_0, not "
                    "\"%.*s\"",
                    STR_ARG(value));
    v->pattern = pattern;
    return true;
}

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"type", 0, OPT_CALL, &o->quantize.mix, "TYPE",
         N_("the format, or mix of formats: Q8_0, Q6_K, Q5_K_M, Q4_K_M, IQ4_XS, Q3_K_M, Q2_K and "
            "others"),
         0, 0, parse_mix},
        {"tensor", 0, OPT_CALL, &o->quantize, "PATTERN=TYPE",
         N_("another format for tensors of this name, in which * stands for anything; may be "
            "given again"),
         0, 0, parse_override},
        {"imatrix", 0, OPT_TEXT, &o->importance, "FILE",
         N_("how much each column matters, from moat imatrix"), 0, 0, NULL},
        {"requantize", 0, OPT_FLAG, &o->quantize.requantize, NULL,
         N_("also matrices that are quantised already, though that loses twice"), 0, 0, NULL},
        {"force", 'f', OPT_FLAG, &o->force, NULL, N_("replace a file that is there"), 0, 0, NULL},
        THREADS_OPTION(&o->quantize.threads),
        {0},
    };
    const char *positional[2 + 1];
    struct args args = {.v = positional};
    *o = (struct options){0};
    if (!opts_parse(&cmd_quantize, (const struct opt *const[]){table, NULL}, argc, argv, &args, 2,
                    2, &o->helped, e))
        return false;
    if (o->helped)
        return true;
    o->model = args.v[0];
    o->quantize.out = args.v[1];
    if (!o->quantize.mix)
        return fail(e, ERR_USAGE, "moat quantize needs --type TYPE, as in --type Q4_K_M");
    if (mix_wants_importance(o->quantize.mix) && !o->importance)
        return fail(e, ERR_USAGE,
                    "%s is of no use without an importance matrix; make one with moat imatrix and "
                    "give it with --imatrix",
                    mix_name(o->quantize.mix));
    return o->force || access(o->quantize.out, F_OK) != 0 ||
           fail(e, ERR_USAGE, "%s is there already; --force replaces it", o->quantize.out);
}

static void print(const struct options *o, const struct quantize_result *r)
{
    char in[16], out[16];
    printf(_("%s: %llu matrices quantised to %s, %llu tensors as they were; %s instead of %s\n"),
           o->quantize.out, (unsigned long long)r->n_encoded, mix_name(o->quantize.mix),
           (unsigned long long)r->n_kept, term_size(r->bytes_out, out), term_size(r->bytes_in, in));
    if (r->n_without)
        fprintf(stderr, _("moat: the importance matrix says nothing of %llu of the matrices\n"),
                (unsigned long long)r->n_without);
}

static bool quantize(struct options *o, const struct gguf *g, struct err *e)
{
    struct quantize_result r;
    struct progress bar;
    o->quantize.progress = interrupt_progress;
    o->quantize.arg = &bar;
    progress_start(&bar, o->quantize.out, 0);
    interrupt_begin();
    bool ok = quantize_model(g, &o->quantize, &r, e);
    interrupt_end();
    progress_end(&bar);
    if (ok)
        print(o, &r);
    return ok;
}

static bool run(struct options *o, struct err *e)
{
    struct importance importance = {0};
    struct gguf *g = isolate_command(false, o->quantize.out, e) ? open_to_look(o->model, e) : NULL;
    bool ok = g && (!o->importance || importance_open(&importance, o->importance, e));
    if (ok && o->importance)
        o->quantize.importance = &importance;
    ok = ok && quantize(o, g, e);
    importance_close(&importance);
    gguf_close(g);
    return ok;
}

static int main_quantize(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e) || (!o.helped && !run(&o, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_quantize = {
    .name = "quantize",
    .args = "MODEL OUT.gguf",
    .summary = N_("make a smaller file of a model"),
    .detail = N_("MODEL is best the file that moat convert made: F32, F16 or BF16. A mix such as "
                 "Q4_K_M gives the matrices that errors hurt most more bits. Norms and biases stay "
                 "as they are; a row too short for a format gets the next larger one. What is "
                 "written does not depend on the machine or the number of threads."),
    .run = main_quantize,
};
