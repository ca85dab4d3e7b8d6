/* SPDX-License-Identifier: Apache-2.0 */
/* moat perplexity: how well a model predicts a text file. */
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/isolate.h"
#include "cli/lab_opts.h"
#include "cli/open_model.h"
#include "cli/packs.h"
#include "cli/setting_opts.h"
#include "cli/term.h"
#include "lab/perplexity.h"
#include "text/tokenize.h"

struct options {
    const char *model, *file;
    uint32_t window, chunks;
    struct lab_params lab;
    struct setting_opts positions;
    struct settings settings;
    bool json, helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"file", 'f', OPT_TEXT, &o->file, "FILE", N_("the text; - is standard input"), 0, 0, NULL},
        {"window", 0, OPT_U32, &o->window, "W", N_("tokens of a window (default 512)"), 4,
         LIMIT_CONTEXT, NULL},
        {"chunks", 0, OPT_U32, &o->chunks, "N", N_("windows to score (default: all)"), 1,
         UINT32_MAX, NULL},
        KV_OPTION(&o->lab.kv),
        PRECISION_OPTIONS(&o->lab.precision),
        THREADS_OPTION(&o->lab.threads),
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {0},
    };
    const char *positional[1 + 1];
    struct args args = {.v = positional};
    *o = (struct options){.window = 512, .lab = {.n_seq = 1, .n_logits = 16}};
    settings_init(&o->settings);
    setting_opts_init_rope(&o->positions);
    o->lab.rope = &o->settings.rope;
    if (!opts_parse(&cmd_perplexity, (const struct opt *const[]){table, o->positions.table, NULL},
                    argc, argv, &args, 1, 1, &o->helped, e))
        return false;
    if (o->helped)
        return true;
    o->model = args.v[0];
    o->lab.n_ctx = o->window;
    if (!o->file)
        return fail(e, ERR_USAGE, "moat perplexity needs --file FILE");
    return setting_opts_apply(&o->positions, NULL, &o->settings, e);
}

static bool read_tokens(const struct gguf *g, const char *path, struct tokens *tokens,
                        struct err *e)
{
    struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    struct vocab *v = buf_read_file(&text, path, e) ? vocab_new(g, e) : NULL;
    bool ok = v && tokenize(v, buf_view(&text), true, true, tokens, e);
    vocab_free(v);
    buf_clear(&text);
    return ok;
}

/* Windows one after the other; on a terminal their count and the figure so far. */
static bool score(const struct options *o, struct lab *l, const struct tokens *tokens,
                  struct perplexity *p, struct err *e)
{
    size_t n = tokens->n / o->window;
    if (o->chunks && o->chunks < n)
        n = o->chunks;
    if (n == 0)
        return fail(e, ERR_USAGE, "the text has %zu tokens, less than one window of %u", tokens->n,
                    o->window);
    bool show = term_is(STDERR_FILENO);
    for (size_t i = 0; i < n; i++) {
        if (!perplexity_add(l, tokens->id + i * o->window, o->window, p, e))
            return false;
        if (show)
            fprintf(stderr, "\r%zu/%zu  %.4f ", i + 1, n, perplexity_value(p));
    }
    if (show)
        fputs("\r\033[K", stderr);
    return true;
}

static bool check_window(const struct options *o, const struct lab *l, struct err *e)
{
    uint32_t reach = l->m->h.n_ctx_reach;
    return o->window <= reach ||
           fail(e, ERR_LIMIT,
                "a window of %u tokens is more than the %u the model was trained for or its "
                "options extend it to",
                o->window, reach);
}

static bool run(const struct options *o, struct err *e)
{
    struct tokens tokens = {0};
    struct perplexity p = {0};
    struct lab lab = {0};
    struct gguf *g = isolate_command(true, NULL, e) ? open_model(o->model, e) : NULL;
    bool ok = g && read_tokens(g, o->file, &tokens, e);
    if (g && !ok)
        gguf_close(g);
    ok = ok && packs_open_lab(&lab, g, &o->lab, e) && isolate_loaded(e) &&
         check_window(o, &lab, e) && score(o, &lab, &tokens, &p, e);
    if (ok && o->json)
        printf("{\"perplexity\":%.6f,\"count\":%llu}\n", perplexity_value(&p),
               (unsigned long long)p.count);
    else if (ok)
        printf(_("perplexity %.4f over %llu tokens\n"), perplexity_value(&p),
               (unsigned long long)p.count);
    lab_close(&lab);
    tokens_clear(&tokens);
    return ok;
}

static int main_perplexity(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e) || (!o.helped && !run(&o, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_perplexity = {
    .name = "perplexity",
    .args = "MODEL",
    .summary = N_("measure how well a model predicts a text"),
    .run = main_perplexity,
};
