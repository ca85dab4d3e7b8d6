/* SPDX-License-Identifier: Apache-2.0 */
/* moat grammar: reads a grammar or a JSON Schema as --grammar and --schema of moat run do, and says
 * whether texts are what it allows: for those who write one. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/read_grammar.h"

#define NOT_ALLOWED 1 /* exit status: a text is not what the grammar allows */
#define MOST_INPUTS 256u

struct options {
    const char *file, *input_file;
    bool schema, llama, lines, json, helped;
    struct str input[MOST_INPUTS];
    uint32_t n_input;
};

static bool add_input(void *out, struct str value, struct err *e)
{
    struct options *o = out;
    if (o->n_input == MOST_INPUTS)
        return fail(e, ERR_USAGE,
                    "--input may be given %u times at most; more texts go in a file "
                    "with --lines",
                    MOST_INPUTS);
    o->input[o->n_input++] = value;
    return true;
}

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"schema", 0, OPT_FLAG, &o->schema, NULL, N_("the file is a JSON Schema, not GBNF"), 0, 0,
         NULL},
        {"llama", 0, OPT_FLAG, &o->llama, NULL,
         N_("with --schema: read it as llama.cpp does, members in the order of the schema"), 0, 0,
         NULL},
        {"input", 'i', OPT_CALL, o, "TEXT", N_("a text to try; may be given several times"), 0, 0,
         add_input},
        {"file", 'f', OPT_TEXT, &o->input_file, "FILE",
         N_("the text of this file; - is standard input"), 0, 0, NULL},
        {"lines", 0, OPT_FLAG, &o->lines, NULL, N_("with --file: it is a JSON array of texts"), 0,
         0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print one JSON object"), 0, 0, NULL},
        {0},
    };
    const char *positional[2 + 1];
    struct args args = {.v = positional};
    memset(o, 0, sizeof *o);
    if (!opts_parse(&cmd_grammar, (const struct opt *const[]){table, NULL}, argc, argv, &args, 2, 2,
                    &o->helped, e))
        return false;
    if (o->helped)
        return true;
    o->file = args.v[1];
    if (strcmp(args.v[0], "check") != 0)
        return fail(e, ERR_USAGE, "moat grammar knows only check, not \"%s\"", args.v[0]);
    if (o->llama && !o->schema)
        return fail(e, ERR_USAGE, "--llama goes only with --schema");
    return !o->lines || o->input_file || fail(e, ERR_USAGE, "--lines goes only with --file");
}

/* --- trying texts ------------------------------------------------------------------------------
 */

struct trial {
    const struct options *o;
    const struct grammar *g;
    json_t *verdicts;
    bool refused; /* one of them */
};

static void say(struct str text, const struct grammar_verdict *v)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < v->at; i++) {
        column = text.p[i] == '\n' ? 1 : column + (((unsigned char)text.p[i] & 0xc0) != 0x80);
        line += text.p[i] == '\n';
    }
    if (v->accepted)
        puts(_("accepted"));
    else if (v->at == text.n)
        puts(_("refused: the text ends too early"));
    else
        printf(_("refused: line %zu, column %zu cannot stand there\n"), line, column);
}

static bool try_text(struct trial *t, struct str text, struct err *e)
{
    struct grammar_verdict v;
    if (t->o->schema) /* blanks around a JSON text mean nothing, and are never generated */
        text = str_trim(text);
    if (!grammar_match(t->g, text, &v, e))
        return false;
    t->refused |= !v.accepted;
    if (t->o->json)
        json_array_append_new(t->verdicts, json_boolean(v.accepted));
    else
        say(text, &v);
    return true;
}

static bool try_lines(struct trial *t, struct err *e)
{
    json_t *lines = json_read_file(t->o->input_file, LIMIT_JSON_BYTES, e), *line;
    size_t i;
    bool ok = lines && (json_is_array(lines) ||
                        fail(e, ERR_USAGE, "%s: not a JSON array of texts", t->o->input_file));
    json_array_foreach(lines, i, line)
    {
        ok = ok && (json_is_string(line) ||
                    fail(e, ERR_USAGE, "%s: not a JSON array of texts", t->o->input_file));
        ok = ok && try_text(t, (struct str){json_string_value(line), json_string_length(line)}, e);
    }
    json_decref(lines);
    return ok;
}

static bool try_file(struct trial *t, struct err *e)
{
    struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    bool ok = buf_read_file(&text, t->o->input_file, e) && try_text(t, buf_view(&text), e);
    buf_clear(&text);
    return ok;
}

static bool try_all(struct trial *t, struct err *e)
{
    for (uint32_t i = 0; i < t->o->n_input; i++)
        if (!try_text(t, t->o->input[i], e))
            return false;
    if (!t->o->input_file)
        return true;
    return t->o->lines ? try_lines(t, e) : try_file(t, e);
}

static bool print(struct trial *t, struct err *e)
{
    struct buf out;
    buf_init(&out, LIMIT_JSON_BYTES);
    json_t *j = json_pack("{sO}", "accepted", t->verdicts);
    bool ok = j ? json_write(j, 0, &out, e) : fail(e, ERR_INTERNAL, "cannot write JSON");
    if (ok)
        puts(buf_c(&out));
    json_decref(j);
    buf_clear(&out);
    return ok;
}

static int main_grammar(int argc, char **argv)
{
    static struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e))
        return opts_report(&e);
    if (o.helped)
        return 0;
    struct schema_options as = {.llama = o.llama};
    struct grammar *g = read_grammar(o.file, o.schema ? &as : NULL, NULL, &e);
    struct trial t = {.o = &o, .g = g, .verdicts = json_array()};
    bool ok = g && try_all(&t, &e) && (!o.json || print(&t, &e));
    json_decref(t.verdicts);
    grammar_free(g);
    return !ok ? opts_report(&e) : t.refused ? NOT_ALLOWED : 0;
}

const struct command cmd_grammar = {
    .name = "grammar",
    .args = "check FILE",
    .summary = N_("check a grammar or JSON Schema, and texts against it"),
    .detail = N_("FILE is a grammar in GBNF, or with --schema a JSON Schema (draft 2020-12), read "
                 "as --grammar and --schema of moat run read it. Without a text only the file is "
                 "checked. Where a grammar mentions tokens, <[10]> in a text is token 10. Exit "
                 "status 1 means that a text is not what the grammar allows.\n\n"
                 "moat grammar check list.gbnf --input \"- milk\""),
    .run = main_grammar,
};
