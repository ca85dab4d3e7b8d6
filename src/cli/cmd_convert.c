/* SPDX-License-Identifier: Apache-2.0 */
/* moat convert: a model as Hugging Face tools save it becomes a GGUF file. */
#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/isolate.h"
#include "cli/progress.h"
#include "cli/term.h"
#include "lab/convert.h"
#include "text/pretoken.h"

struct options {
    struct convert_options convert;
    bool force, helped;
};

static bool parse_type(void *out, struct str value, struct err *e)
{
    static const struct {
        const char *name;
        enum dtype type;
    } rows[] = {{"f32", DTYPE_F32}, {"f16", DTYPE_F16}, {"bf16", DTYPE_BF16}};
    struct convert_options *o = out;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_is(value, rows[i].name)) {
            o->type = rows[i].type;
            o->as_stored = false;
            return true;
        }
    return fail(e, ERR_USAGE,
                "--type takes f32, f16 or bf16, not \"%.*s\"; moat quantize makes smaller ones",
                STR_ARG(value));
}

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"output", 'o', OPT_TEXT, &o->convert.out, "OUT.gguf", N_("the file to write"), 0, 0, NULL},
        {"type", 0, OPT_CALL, &o->convert, "TYPE",
         N_("store matrices as f32, f16 or bf16 (default: as they are)"), 0, 0, parse_type},
        {"name", 0, OPT_TEXT, &o->convert.name, "TEXT",
         N_("the model's name in the file (default: the folder's)"), 0, 0, NULL},
        {"pre", 0, OPT_TEXT, &o->convert.pre, "NAME",
         N_("the rule that splits text (tokenizer.ggml.pre), where it is not recognised"), 0, 0,
         NULL},
        {"force", 'f', OPT_FLAG, &o->force, NULL, N_("replace a file that is there"), 0, 0, NULL},
        {0},
    };
    const char *positional[1 + 1];
    struct args args = {.v = positional};
    *o = (struct options){.convert.as_stored = true};
    if (!opts_parse(&cmd_convert, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1, 1,
                    &o->helped, e))
        return false;
    if (o->helped)
        return true;
    o->convert.folder = args.v[0];
    if (!o->convert.out)
        return fail(e, ERR_USAGE, "moat convert needs -o OUT.gguf");
    if (o->convert.pre && !pretoken_find(str_of(o->convert.pre)))
        return fail(e, ERR_USAGE, "--pre: the pre-tokenizer \"%s\" is not known", o->convert.pre);
    if (!o->force && access(o->convert.out, F_OK) == 0)
        return fail(e, ERR_USAGE, "%s is there already; --force replaces it", o->convert.out);
    return true;
}

static bool run(struct options *o, struct err *e)
{
    struct convert_result r;
    struct progress bar;
    char size[16];
    if (!isolate_command(false, o->convert.out, e))
        return false;
    o->convert.progress = interrupt_progress;
    o->convert.arg = &bar;
    progress_start(&bar, o->convert.out, 0);
    interrupt_begin();
    bool ok = convert_model(&o->convert, &r, e);
    interrupt_end();
    progress_end(&bar);
    for (unsigned i = 0; i < r.n_notices; i++)
        fprintf(stderr, "moat: %s\n", r.notices[i].msg);
    if (ok)
        printf(_("%s: architecture %s, %llu tensors, %s\n"), o->convert.out, r.architecture,
               (unsigned long long)r.n_tensors, term_size(r.n_bytes, size));
    return ok;
}

static int main_convert(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e) || (!o.helped && !run(&o, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_convert = {
    .name = "convert",
    .args = "FOLDER",
    .summary = N_("make a GGUF file of a model that Hugging Face tools saved"),
    .detail = N_("FOLDER holds config.json, model.safetensors (or its parts with their index) and "
                 "the files of the tokenizer. Families: llama, mistral, qwen2, qwen3, gemma3, phi3 "
                 "and bert. What cannot be converted without loss of meaning is refused by name."),
    .run = main_convert,
};
