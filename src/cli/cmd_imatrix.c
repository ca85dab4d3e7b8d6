/* SPDX-License-Identifier: Apache-2.0 */
/* moat imatrix: measures on a text which columns of a model's matrices matter. */
#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/isolate.h"
#include "cli/lab_opts.h"
#include "cli/open_model.h"
#include "cli/progress.h"
#include "lab/imatrix.h"
#include "text/tokenize.h"

struct options {
    const char *model, *text, *out;
    uint32_t chunk, chunks;
    struct lab_params lab;
    bool force, helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"output", 'o', OPT_TEXT, &o->out, "OUT.gguf", N_("the file to write"), 0, 0, NULL},
        {"context", 'c', OPT_U32, &o->chunk, "N", N_("tokens that are read together (default 512)"),
         16, LIMIT_CONTEXT, NULL},
        {"chunks", 0, OPT_U32, &o->chunks, "N", N_("how many such pieces (default: all)"), 1,
         UINT32_MAX, NULL},
        {"force", 'f', OPT_FLAG, &o->force, NULL, N_("replace a file that is there"), 0, 0, NULL},
        THREADS_OPTION(&o->lab.threads),
        {0},
    };
    const char *positional[2 + 1];
    struct args args = {.v = positional};
    *o = (struct options){.chunk = 512, .lab = {.n_seq = 1, .n_logits = 1}};
    if (!opts_parse(&cmd_imatrix, (const struct opt *const[]){table, NULL}, argc, argv, &args, 2, 2,
                    &o->helped, e))
        return false;
    if (o->helped)
        return true;
    o->model = args.v[0];
    o->text = args.v[1];
    o->lab.n_ctx = o->chunk;
    if (!o->out)
        return fail(e, ERR_USAGE, "moat imatrix needs -o OUT.gguf");
    return o->force || access(o->out, F_OK) != 0 ||
           fail(e, ERR_USAGE, "%s is there already; --force replaces it", o->out);
}

struct text {
    struct tokens tokens;
    uint32_t bos; /* what every piece begins with, or TOKEN_NONE */
    size_t bytes;
};

static bool read_tokens(const struct gguf *g, const char *path, struct text *t, struct err *e)
{
    struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    struct vocab *v = buf_read_file(&text, path, e) ? vocab_new(g, e) : NULL;
    bool ok = v && tokenize(v, buf_view(&text), true, false, &t->tokens, e);
    if (v)
        t->bos = v->add_bos ? v->bos : TOKEN_NONE;
    t->bytes = text.n;
    vocab_free(v);
    buf_clear(&text);
    return ok;
}

static bool read_all(const struct options *o, struct imatrix *m, struct text *t, struct err *e)
{
    struct progress bar;
    size_t n = t->tokens.n / o->chunk, bytes = t->bytes;
    bool ok = true;
    if (o->chunks && o->chunks < n) {
        bytes = bytes / n * o->chunks;
        n = o->chunks;
    }
    if (n == 0)
        return fail(e, ERR_USAGE, "the text has %zu tokens, less than one piece of %u", t->tokens.n,
                    o->chunk);
    progress_start(&bar, o->out, bytes);
    interrupt_begin();
    for (size_t i = 0; ok && i < n; i++) {
        uint32_t *piece = t->tokens.id + i * o->chunk;
        if (t->bos != TOKEN_NONE)
            piece[0] = t->bos;
        ok = imatrix_add(m, piece, o->chunk, e) &&
             (interrupt_progress(&bar, bytes * (i + 1) / n, bytes) ||
              fail(e, ERR_CANCELLED, "stopped; nothing was written"));
    }
    interrupt_end();
    progress_end(&bar);
    return ok;
}

static bool run(const struct options *o, struct err *e)
{
    struct text text = {.bos = TOKEN_NONE};
    struct lab lab = {0};
    struct imatrix *m = NULL;
    struct gguf *g = isolate_command(false, o->out, e) ? open_model(o->model, e) : NULL;
    bool ok = g && read_tokens(g, o->text, &text, e);
    if (g && !ok)
        gguf_close(g);
    ok = ok && lab_open(&lab, g, &o->lab, e) && (m = imatrix_new(&lab, e)) &&
         read_all(o, m, &text, e) && imatrix_write(m, o->out, o->text, o->chunk, e);
    if (ok)
        printf(_("%s: from %s\n"), o->out, o->text);
    imatrix_free(m);
    lab_close(&lab);
    tokens_clear(&text.tokens);
    return ok;
}

static int main_imatrix(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e) || (!o.helped && !run(&o, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_imatrix = {
    .name = "imatrix",
    .args = "MODEL TEXT",
    .summary = N_("measure on a text which weights of a model matter"),
    .detail = N_("TEXT is a file of the kind of text the model is for, some 100 kB of it; - is "
                 "standard input. The file that comes out is for moat quantize --imatrix, which "
                 "then rounds the weights that matter more exactly."),
    .run = main_imatrix,
};
