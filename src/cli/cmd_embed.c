/* SPDX-License-Identifier: Apache-2.0 */
/* moat embed: texts -> vectors, one line each. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/isolate.h"
#include "cli/lab_opts.h"
#include "cli/open_model.h"
#include "cli/packs.h"
#include "cli/show.h"
#include "engine/embedding.h"
#include "lab/lab.h"
#include "text/pair.h"

#define GROUP      32u         /* texts embedded before the first of them is printed */
#define LINE_BYTES (64u << 20) /* of a text's vectors, printed */
#define MAX_TEXTS  (1u << 16)  /* on a command line */

struct options {
    const char *model, *file;
    struct args texts;
    struct lab_params lab;
    struct memplan plan;
    uint64_t memory;
    enum pooling pooling; /* POOLING_UNSTATED: as the model says */
    bool json, raw, helped;
};

static bool parse_pooling(void *out, struct str value, struct err *e)
{
    static const char *const names[] = {"none", "mean", "cls", "last", "rank"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_is(value, names[i])) {
            *(enum pooling *)out = (enum pooling)i;
            return true;
        }
    return fail(e, ERR_USAGE, "\"%.*s\" is no pooling (none, mean, cls, last, rank are)",
                STR_ARG(value));
}

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"file", 'f', OPT_TEXT, &o->file, "FILE",
         N_("embed each line of this file; - is standard input, as without texts"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL,
         N_("print {\"embedding\":[...],\"tokens\":N} for each text"), 0, 0, NULL},
        {"pooling", 0, OPT_CALL, &o->pooling, "TYPE",
         N_("mean, cls, last, none (a vector a token) or rank; default: what the model says"), 0, 0,
         parse_pooling},
        {"raw", 0, OPT_FLAG, &o->raw, NULL, N_("leave the vectors at the length they have"), 0, 0,
         NULL},
        {"context", 0, OPT_U32, &o->lab.n_ctx, "N",
         N_("tokens a text may have (default: the trained length, 8192 at most)"), 1, LIMIT_CONTEXT,
         NULL},
        {"memory", 0, OPT_SIZE, &o->memory, "SIZE",
         N_("most memory to take, like 12G; what does not fit is refused before loading"), 0, 0,
         NULL},
        KV_OPTION(&o->lab.kv),
        PRECISION_OPTIONS(&o->lab.precision),
        THREADS_OPTION(&o->lab.threads),
        {0},
    };
    *o = (struct options){.pooling = POOLING_UNSTATED,
                          .texts.v = mem_new((size_t)argc + 1, sizeof *o->texts.v, e),
                          .lab = {.kv = KV_F16, .embedding = true}};
    if (!o->texts.v)
        return false;
    if (!opts_parse(&cmd_embed, (const struct opt *const[]){table, NULL}, argc, argv, &o->texts, 1,
                    MAX_TEXTS, &o->helped, e))
        return false;
    if (o->helped)
        return true;
    o->model = o->texts.v[0];
    o->plan.budget = o->memory ? o->memory : memplan_free();
    o->plan.budget_given = o->memory != 0;
    o->lab.plan = &o->plan;
    if (o->texts.n > 1 && o->file)
        return fail(e, ERR_USAGE, "give either texts or --file, not both");
    if (o->texts.n == 1 && !o->file)
        o->file = "-";
    return true;
}

/* --- input ---------------------------------------------------------------------------------------
 */

struct job {
    const struct options *o;
    struct lab lab;
    struct vocab *vocab;
    enum pooling pooling;
    struct pair pair;
    struct tokens ids[GROUP];
    uint32_t n_first[GROUP]; /* of a pair */
    float *out;              /* of the group */
    uint32_t n;              /* texts of the group */
};

/* What a ranking model judges: the question and, after a tab, a passage, as one text. */
static bool read_pair(const struct job *j, struct str text, struct tokens *ids, uint32_t *n_first,
                      struct err *e)
{
    const char *tab = memchr(text.p, '\t', text.n);
    if (!tab)
        return fail(e, ERR_USAGE, "to rank, a text is a question, a tab and a passage");
    size_t n = (size_t)(tab - text.p);
    return pair_tokenize(&j->pair, j->vocab, str_sub(text, 0, n), str_from(text, n + 1), ids,
                         n_first, e);
}

/* --- output --------------------------------------------------------------------------------------
 */

static void add_vector(const float *v, uint32_t n, const char *between, struct buf *line)
{
    for (uint32_t i = 0; i < n; i++) {
        buf_cstr(line, i ? between : "");
        show_float((double)v[i], true, line);
    }
}

/* A line of blank-separated numbers for each vector. */
static void add_plain(const float *v, uint64_t rows, uint32_t width, struct buf *line)
{
    for (uint64_t i = 0; i < rows; i++) {
        add_vector(v + i * width, width, " ", line);
        buf_byte(line, '\n');
    }
}

static void add_json(const struct job *j, const float *v, uint64_t rows, uint32_t width,
                     size_t tokens, struct buf *line)
{
    bool many = j->pooling == POOLING_NONE;
    buf_cstr(line, many ? "{\"embedding\":[" : "{\"embedding\":");
    for (uint64_t i = 0; i < rows; i++) {
        buf_cstr(line, i ? ",[" : "[");
        add_vector(v + i * width, width, ",", line);
        buf_byte(line, ']');
    }
    buf_fmt(line, many ? "],\"tokens\":%zu}\n" : ",\"tokens\":%zu}\n", tokens);
}

static bool print(const struct job *j, const struct embed_text *text, struct err *e)
{
    uint32_t width = embedding_width(j->lab.m, j->pooling);
    uint64_t rows = embedding_rows(j->pooling, text->n);
    struct buf line;
    buf_init(&line, LINE_BYTES + rows * width * 32);
    for (uint64_t i = 0; i < rows && !j->o->raw && j->pooling != POOLING_RANK; i++)
        embedding_normalise(text->out + i * width, width);
    if (j->o->json)
        add_json(j, text->out, rows, width, text->n, &line);
    else
        add_plain(text->out, rows, width, &line);
    bool ok = buf_ok(&line, "output", e);
    if (ok)
        fwrite(buf_c(&line), 1, line.n, stdout);
    buf_clear(&line);
    return ok;
}

/* --- the work ------------------------------------------------------------------------------------
 */

/* Embeds and prints the texts collected. */
static bool flush(struct job *j, struct err *e)
{
    struct embed_text text[GROUP];
    uint32_t width = embedding_width(j->lab.m, j->pooling);
    uint64_t total = 0;
    for (uint32_t i = 0; i < j->n; i++)
        total += embedding_rows(j->pooling, (uint32_t)j->ids[i].n) * width;
    mem_free(j->out);
    j->out = mem_new(total + 1, sizeof *j->out, e);
    if (!j->out)
        return false;
    float *out = j->out;
    for (uint32_t i = 0; i < j->n; i++) {
        text[i] = (struct embed_text){j->ids[i].id, (uint32_t)j->ids[i].n, j->n_first[i], out};
        out += embedding_rows(j->pooling, text[i].n) * width;
    }
    bool ok = embed_texts(j->lab.f, j->pooling, text, j->n, e);
    for (uint32_t i = 0; i < j->n && ok; i++)
        ok = print(j, &text[i], e);
    j->n = 0;
    return ok;
}

static bool add_text(struct job *j, struct str text, struct err *e)
{
    struct tokens *ids = &j->ids[j->n];
    ids->n = 0;
    bool ok = j->pooling == POOLING_RANK ? read_pair(j, text, ids, &j->n_first[j->n], e)
                                         : tokenize(j->vocab, text, true, false, ids, e);
    if (!ok)
        return false;
    if (ids->n > embedding_longest(j->lab.f))
        return fail(e, ERR_LIMIT,
                    "a text has %zu tokens, more than the %u that fit; make it shorter, or cut it "
                    "into parts: \"%.*s...\"",
                    ids->n, embedding_longest(j->lab.f), (int)(text.n < 40 ? text.n : 40), text.p);
    return ++j->n < GROUP || flush(j, e);
}

static bool add_lines(struct job *j, struct err *e)
{
    struct buf input;
    buf_init(&input, LIMIT_TEXT_BYTES);
    bool ok = buf_read_file(&input, j->o->file, e);
    for (struct str rest = buf_view(&input); ok && rest.n;) {
        const char *end = memchr(rest.p, '\n', rest.n);
        size_t n = end ? (size_t)(end - rest.p) : rest.n;
        struct str line = str_sub(rest, 0, n);
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        ok = add_text(j, line, e);
        rest = str_from(rest, end ? n + 1 : n);
    }
    buf_clear(&input);
    return ok;
}

static bool open_job(struct job *j, struct err *e)
{
    struct gguf *g = isolate_command(true, NULL, e) ? open_model(j->o->model, e) : NULL;
    if (!g)
        return false;
    if (!packs_open_lab(&j->lab, g, &j->o->lab, e)) {
        if (j->o->plan.total > j->o->plan.budget)
            open_model_show_plan(&j->o->plan);
        return false;
    }
    const struct model *m = j->lab.m;
    j->pooling = j->o->pooling == POOLING_UNSTATED ? m->h.pooling : j->o->pooling;
    if (!embedding_check(m, j->pooling, e) || !(j->vocab = vocab_new(j->lab.g, e)) ||
        !pair_open(&j->pair, j->lab.g, e))
        return false;
    if (j->vocab->n_tokens > m->h.n_vocab)
        return fail(e, ERR_CORRUPT, "the vocabulary has %u tokens, but the model only %u",
                    j->vocab->n_tokens, m->h.n_vocab);
    return isolate_loaded(e);
}

static bool run(const struct options *o, struct err *e)
{
    struct job j = {.o = o};
    bool ok = open_job(&j, e);
    if (ok && j.vocab->notice)
        fprintf(stderr, "moat: %s\n", _(j.vocab->notice));
    if (ok && o->file)
        ok = add_lines(&j, e);
    for (uint32_t i = 1; ok && !o->file && i < o->texts.n; i++)
        ok = add_text(&j, str_of(o->texts.v[i]), e);
    ok = ok && (j.n == 0 || flush(&j, e));
    for (uint32_t i = 0; i < GROUP; i++)
        tokens_clear(&j.ids[i]);
    mem_free(j.out);
    vocab_free(j.vocab);
    lab_close(&j.lab);
    return ok;
}

static int main_embed(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    bool ok = parse(&o, argc, argv, &e) && (o.helped || run(&o, &e));
    mem_free(o.texts.v);
    return ok ? 0 : opts_report(&e);
}

const struct command cmd_embed = {
    .name = "embed",
    .args = "MODEL [TEXT...]",
    .summary = N_("turn texts into vectors that are close where the meanings are"),
    .detail = N_("Without texts, each line of standard input is one. A line of numbers is printed "
                 "for each text, its vector of length 1; --raw leaves the length as it is. A model "
                 "that says how its vectors are pooled is an embedding model; others embed with "
                 "--pooling last or --pooling mean. To rank, a text is a question, a tab and a "
                 "passage, and its vector is one number: how well they fit."),
    .run = main_embed,
};
