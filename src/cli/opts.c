/* SPDX-License-Identifier: Apache-2.0 */
/* cli/opts: see opts.h. */
#include "cli/opts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/near.h"
#include "cli/audited.h"

struct parse {
    const struct command *cmd;
    const struct opt *const *tables;
    char **argv;
    int argc, at; /* argv[at] is being read */
    struct args *args;
    struct err *e;
};

static bool takes_value(const struct opt *o)
{
    return o->arg != NULL;
}

static const struct opt *find(const struct opt *const *tables, struct str name, char letter)
{
    for (; *tables; tables++)
        for (const struct opt *o = *tables; o->name; o++)
            if (o->kind != OPT_GROUP &&
                (letter ? o->letter == letter : str_eq(str_of(o->name), name)))
                return o;
    return NULL;
}

static bool unknown(const struct parse *p, struct str name)
{
    struct near n;
    near_init(&n, name);
    near_offer(&n, "help");
    for (const struct opt *const *t = p->tables; *t; t++)
        for (const struct opt *o = *t; o->name; o++)
            near_offer(&n, o->name);
    const char *best = near_best(&n);
    if (best)
        return fail(p->e, ERR_USAGE, "unknown option --%.*s; did you mean --%s?", STR_ARG(name),
                    best);
    return fail(p->e, ERR_USAGE, "unknown option --%.*s; see moat help %s", STR_ARG(name),
                p->cmd->name);
}

static bool out_of_range(const struct opt *o, struct str value, struct err *e)
{
    return fail(e, ERR_USAGE, "--%s %.*s: out of range, %.10g to %.10g are allowed", o->name,
                STR_ARG(value), o->min, o->max);
}

static bool set_u32(const struct opt *o, struct str value, struct err *e)
{
    uint64_t v;
    if (!str_to_u64(value, &v))
        return fail(e, ERR_USAGE, "--%s: \"%.*s\" is not a whole number", o->name, STR_ARG(value));
    bool ranged = o->min != 0 || o->max != 0;
    if (ranged && ((double)v < o->min || (double)v > o->max))
        return out_of_range(o, value, e);
    if (v > UINT32_MAX)
        return fail(e, ERR_USAGE, "--%s %.*s: the number is too large", o->name, STR_ARG(value));
    *(uint32_t *)o->out = (uint32_t)v;
    return true;
}

static bool set_u64(const struct opt *o, struct str value, struct err *e)
{
    if (!str_to_u64(value, o->out))
        return fail(e, ERR_USAGE, "--%s: \"%.*s\" is not a whole number", o->name, STR_ARG(value));
    return true;
}

static bool set_f32(const struct opt *o, struct str value, struct err *e)
{
    double v;
    if (!str_to_f64(value, &v))
        return fail(e, ERR_USAGE, "--%s: \"%.*s\" is not a number", o->name, STR_ARG(value));
    bool ranged = o->min != 0 || o->max != 0;
    if ((ranged && (v < o->min || v > o->max)) || !isfinite((float)v))
        return out_of_range(o, value, e);
    *(float *)o->out = (float)v;
    return true;
}

static bool set(const struct opt *o, struct str value, struct err *e)
{
    switch (o->kind) {
    case OPT_FLAG:
    case OPT_NO_FLAG:
        *(bool *)o->out = o->kind == OPT_FLAG;
        return true;
    case OPT_TEXT:
        *(const char **)o->out = value.p; /* a whole argv tail: NUL-terminated */
        return true;
    case OPT_U32:
        return set_u32(o, value, e);
    case OPT_U64:
        return set_u64(o, value, e);
    case OPT_F32:
        return set_f32(o, value, e);
    case OPT_SIZE:
        return opts_size(value, o->out, e) || err_at(e, "--%s", o->name);
    case OPT_CALL:
        return o->call(o->out, value, e);
    case OPT_GROUP:
        break;
    }
    return true;
}

/* The value behind an option: the rest of this word, or the next word. */
static bool take_value(struct parse *p, const struct opt *o, const char *rest, struct str *value)
{
    if (rest) {
        *value = str_of(rest);
        return true;
    }
    if (p->at + 1 >= p->argc)
        return fail(p->e, ERR_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->arg);
    const char *next = p->argv[p->at + 1];
    if (strncmp(next, "--", 2) == 0 && find(p->tables, str_of(next + 2), 0))
        return fail(p->e, ERR_USAGE,
                    "--%s needs a value, but the option %s follows; if that is "
                    "the value, write --%s=%s",
                    o->name, next, o->name, next);
    p->at++;
    *value = str_of(next);
    return true;
}

static bool parse_long(struct parse *p, const char *word)
{
    const char *eq = strchr(word, '=');
    struct str name = eq ? (struct str){word, (size_t)(eq - word)} : str_of(word);
    const struct opt *o = find(p->tables, name, 0);
    if (!o)
        return unknown(p, name);
    struct str value = STR("");
    if (takes_value(o)) {
        if (!take_value(p, o, eq ? eq + 1 : NULL, &value))
            return false;
    } else if (eq) {
        return fail(p->e, ERR_USAGE, "--%s takes no value", o->name);
    }
    return set(o, value, p->e);
}

/* -v, -vj (flags together), -n5, -n 5 */
static bool parse_letters(struct parse *p, const char *word)
{
    for (; *word; word++) {
        const struct opt *o = find(p->tables, STR(""), *word);
        if (!o)
            return fail(p->e, ERR_USAGE, "unknown option -%s; see moat help %s", word,
                        p->cmd->name);
        struct str value = STR("");
        if (takes_value(o)) {
            if (!take_value(p, o, word[1] ? word + 1 : NULL, &value))
                return false;
            return set(o, value, p->e);
        }
        if (!set(o, value, p->e))
            return false;
    }
    return true;
}

static bool check_count(const struct parse *p, uint32_t min)
{
    uint32_t n = p->args->n;
    if (n < min)
        return fail(p->e, ERR_USAGE, "an argument is missing; usage: moat %s %s", p->cmd->name,
                    p->cmd->args ? p->cmd->args : "");
    return true;
}

static bool add_argument(const struct parse *p, const char *word, uint32_t max)
{
    if (p->args->n == max)
        return fail(p->e, ERR_USAGE, "unexpected argument \"%s\"; usage: moat %s %s", word,
                    p->cmd->name, p->cmd->args ? p->cmd->args : "");
    p->args->v[p->args->n++] = word;
    return true;
}

/* --help anywhere before "--" wins over every mistake beside it. */
static const char *wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return "text";
        if (strncmp(argv[i], "--help=", 7) == 0)
            return argv[i] + 7;
    }
    return NULL;
}

bool opts_parse(const struct command *cmd, const struct opt *const tables[], int argc, char **argv,
                struct args *args, uint32_t min, uint32_t max, bool *helped, struct err *e)
{
    struct parse p = {cmd, tables, argv, argc, 1, args, e};
    const char *form = wants_help(argc, argv);
    *helped = form != NULL;
    args->n = 0;
    if (form)
        return opts_describe(cmd, tables, form, e);
    bool options = true;
    for (; p.at < argc; p.at++) {
        const char *word = argv[p.at];
        if (options && strcmp(word, "--") == 0)
            options = false;
        else if (options && strncmp(word, "--", 2) == 0) {
            if (!parse_long(&p, word + 2))
                return false;
        } else if (options && word[0] == '-' && word[1]) {
            if (!parse_letters(&p, word + 1))
                return false;
        } else if (!add_argument(&p, word, max)) {
            return false;
        }
    }
    return check_count(&p, min);
}

bool opts_size(struct str text, uint64_t *bytes, struct err *e)
{
    static const char units[] = "KMGT";
    struct str digits = text;
    double scale = 1;
    if (str_ends(digits, STR("iB")) || str_ends(digits, STR("ib")))
        digits.n -= 2;
    else if (digits.n && (digits.p[digits.n - 1] == 'B' || digits.p[digits.n - 1] == 'b'))
        digits.n--;
    if (digits.n) {
        char last = digits.p[digits.n - 1];
        const char *u = strchr(units, last >= 'a' ? last - 'a' + 'A' : last);
        if (u && *u) {
            scale = pow(1024, (double)(u - units + 1));
            digits.n--;
        }
    }
    double v;
    if (!str_to_f64(digits, &v) || v < 0)
        return fail(e, ERR_USAGE, "\"%.*s\" is not a size; write for example 512M, 12G or 1.5G",
                    STR_ARG(text));
    if (v * scale >= 9.2e18)
        return fail(e, ERR_USAGE, "the size \"%.*s\" is too large", STR_ARG(text));
    *bytes = (uint64_t)(v * scale);
    return true;
}

int opts_report(const struct err *e)
{
    fflush(stdout);
    fprintf(stderr, "moat: %s\n", e->msg);
    if (e->code == ERR_DENIED)
        audited_refused(e);
    return err_exit_status(e->code);
}
