/* SPDX-License-Identifier: Apache-2.0 */
/* moat tokenize: text -> the ids a model sees. Needs only the model's vocabulary. */
#include <stdio.h>

#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/isolate.h"
#include "cli/open_model.h"
#include "cli/term.h"
#include "text/tokenize.h"

#define FLUSH_BYTES (1u << 16) /* of output collected before it is written */

struct options {
    const char *model, *file, *text;
    bool json, no_special, lines, helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const struct opt table[] = {
        {"file", 'f', OPT_TEXT, &o->file, "FILE",
         N_("tokenize this file; - is standard input, as without text or file"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print {\"tokens\":[...]}"), 0, 0, NULL},
        {"lines", 0, OPT_FLAG, &o->lines, NULL,
         N_("the input is a JSON array of texts; print one result for each"), 0, 0, NULL},
        {"no-special", 0, OPT_FLAG, &o->no_special, NULL,
         N_("add no BOS or EOS, and read special tokens as plain text"), 0, 0, NULL},
        {0},
    };
    const char *positional[2 + 1];
    struct args args = {.v = positional};
    *o = (struct options){0};
    if (!opts_parse(&cmd_tokenize, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1,
                    2, &o->helped, e))
        return false;
    if (o->helped)
        return true;
    o->model = args.v[0];
    o->text = args.n > 1 ? args.v[1] : NULL;
    if (o->text && o->file)
        return fail(e, ERR_USAGE, "give either a text or --file, not both");
    if (!o->text && !o->file)
        o->file = "-";
    return true;
}

/* --- output --------------------------------------------------------------------------------------
 */

static void flush(struct buf *out, size_t at_least)
{
    if (out->n < at_least)
        return;
    fwrite(buf_c(out), 1, out->n, stdout);
    buf_reset(out);
}

/* printf took two fifths of the time of tokenizing. */
static void add_number(uint32_t n, struct buf *out)
{
    char digits[10];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    buf_add(out, digits + at, sizeof digits - at);
}

static void print_json(const struct tokens *t, struct buf *out)
{
    buf_cstr(out, "{\"tokens\":[");
    for (size_t i = 0; i < t->n; i++) {
        if (i)
            buf_byte(out, ',');
        add_number(t->id[i], out);
        flush(out, FLUSH_BYTES);
    }
    buf_cstr(out, "]}\n");
}

/* A piece in quotes; control characters and lone bytes as escapes. */
static void print_piece(struct str s, struct buf *out)
{
    buf_byte(out, '"');
    for (size_t at = 0, from = 0; at < s.n; from = at) {
        uint32_t c = str_utf8_next(s, &at);
        size_t before = out->n;
        if (c == 0xfffd && at - from == 1)
            buf_fmt(out, "\\x%02X", (unsigned char)s.p[from]);
        else if (c == '"' || c == '\\')
            buf_fmt(out, "\\%c", (char)c);
        else if (c == '\n')
            buf_cstr(out, "\\n");
        else if (c < 0x20 || c == 0x7f)
            buf_fmt(out, "\\x%02X", c);
        else
            term_clean(out, str_sub(s, from, at - from));
        if (out->n == before) /* not for a terminal: bidi controls and the like */
            buf_fmt(out, "\\u{%X}", c);
    }
    buf_cstr(out, "\"\n");
}

static void print_table(const struct vocab *v, const struct tokens *t, struct buf *out)
{
    for (size_t i = 0; i < t->n; i++) {
        buf_fmt(out, "%8u  ", t->id[i]);
        print_piece(vocab_view(v, t->id[i], true), out);
        flush(out, FLUSH_BYTES);
    }
}

/* --- input ---------------------------------------------------------------------------------------
 */

static bool one(const struct options *o, const struct vocab *v, struct str text,
                struct tokens *tokens, struct buf *out, struct err *e)
{
    tokens->n = 0;
    if (!tokenize(v, text, !o->no_special, !o->no_special, tokens, e))
        return false;
    if (o->json)
        print_json(tokens, out);
    else
        print_table(v, tokens, out);
    flush(out, FLUSH_BYTES);
    return true;
}

static bool each(const struct options *o, const struct vocab *v, struct str input,
                 struct tokens *tokens, struct buf *out, struct err *e)
{
    json_t *texts = json_parse(input, o->file ? o->file : "text", e), *text;
    bool ok = texts != NULL;
    size_t i;
    if (ok && !json_is_array(texts))
        ok = fail(e, ERR_USAGE, "--lines needs a JSON array of texts");
    json_array_foreach(texts, i, text)
    {
        if (ok && !json_is_string(text))
            ok = fail(e, ERR_USAGE, "--lines: entry %zu of the array is not a text", i + 1);
        if (ok && i && !o->json)
            buf_byte(out, '\n');
        ok = ok && one(o, v, (struct str){json_string_value(text), json_string_length(text)},
                       tokens, out, e);
    }
    json_decref(texts);
    return ok;
}

static bool run(const struct options *o, struct err *e)
{
    struct buf input, out;
    struct tokens tokens = {0};
    buf_init(&input, LIMIT_TEXT_BYTES);
    buf_init(&out, 4 * FLUSH_BYTES);
    struct gguf *g = isolate_command(false, NULL, e) ? open_to_look(o->model, e) : NULL;
    struct vocab *v = g ? vocab_new(g, e) : NULL;
    bool ok = v;
    if (ok && v->notice)
        fprintf(stderr, "moat: %s\n", _(v->notice));
    if (ok && o->text)
        buf_cstr(&input, o->text);
    else if (ok)
        ok = buf_read_file(&input, o->file, e);
    if (ok)
        ok = (o->lines ? each : one)(o, v, buf_view(&input), &tokens, &out, e);
    flush(&out, 0);
    tokens_clear(&tokens);
    vocab_free(v);
    gguf_close(g);
    buf_clear(&input);
    buf_clear(&out);
    return ok;
}

static int main_tokenize(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    if (!parse(&o, argc, argv, &e) || (!o.helped && !run(&o, &e)))
        return opts_report(&e);
    return 0;
}

const struct command cmd_tokenize = {
    .name = "tokenize",
    .args = "MODEL [TEXT]",
    .summary = N_("show the token ids of a text"),
    .detail = N_("BOS and EOS are added as the model asks, and special tokens in the text are read "
                 "as such; --no-special does neither. A file that holds only a vocabulary will "
                 "do."),
    .run = main_tokenize,
};
