/* SPDX-License-Identifier: Apache-2.0 */
/* cli/opts: one table per command describes its options; parsing, help, man page and completion all
 * come from it.
 *
 * `--name VALUE`, `--name=VALUE`, `-n VALUE` and `-nVALUE` are the same; `--` ends options; `-`
 * alone is an argument. Options and arguments may be mixed. An unknown option is ERR_USAGE naming
 * the nearest known one. Names are never abbreviated, so that a new option breaks no script.
 *
 * A command parses its options before it does anything else: `moat help VERB`, the man pages and
 * the completion script call cmd->run with `--help`, `--help=man` or `--help=words`. */
#ifndef MOAT_CLI_OPTS_H
#define MOAT_CLI_OPTS_H

#include <libintl.h>

#include "base/err.h"
#include "base/str.h"

#define _(text) gettext(text)

enum opt_kind {
    OPT_FLAG,    /* bool *out: true when given */
    OPT_NO_FLAG, /* bool *out: false when given ("no-stream") */
    OPT_TEXT,    /* const char **out */
    OPT_U32,     /* uint32_t *out, min..max */
    OPT_U64,     /* uint64_t *out */
    OPT_F32,     /* float *out, min..max */
    OPT_SIZE,    /* uint64_t *out: bytes, with K M G T (powers of 1024) */
    OPT_CALL,    /* call(out, value, e): anything else, may repeat; value is "" where arg is NULL */
    OPT_GROUP,   /* no option: a heading in help; name "", help the heading */
};

struct opt {
    const char *name; /* "max-tokens" */
    char letter;      /* 'n' for -n, or 0 */
    enum opt_kind kind;
    void *out;
    const char *arg;  /* placeholder in help, NULL for flags; FILE and MODEL complete as such */
    const char *help; /* gettext id, N_("...") */
    double min, max;  /* OPT_U32, OPT_F32; both 0: no range */
    bool (*call)(void *out, struct str value, struct err *e);
};

/* A command: one row in main.c, this description in cmd_<name>.c. */
struct command {
    const char *name;
    const char *args;                  /* "MODEL [PROMPT]" */
    const char *summary;               /* gettext id, one line, no full stop */
    const char *detail;                /* gettext id, paragraphs separated by "\n\n"; or NULL */
    int (*run)(int argc, char **argv); /* argv[0] is the command name; returns the exit status */
};

struct args {
    const char **v; /* positional arguments, borrowed from argv */
    uint32_t n;
};

/* Parses argv[1..]. `tables` is a NULL-terminated list of option arrays, each ended by name ==
 * NULL. --help prints the command's help on stdout, sets *helped and returns true: the command then
 * returns 0. Positional arguments land in args->v, which has room for max (or argc, if that is
 * less): min..max of them must be there. */
bool opts_parse(const struct command *cmd, const struct opt *const tables[], int argc, char **argv,
                struct args *args, uint32_t min, uint32_t max, bool *helped,
                struct err *e) MUST_USE;

/* Help as text (NULL or "text"), "man" (troff) or "words" (lines for completion). cli/help.c. */
bool opts_describe(const struct command *cmd, const struct opt *const tables[], const char *form,
                   struct err *e) MUST_USE;

/* "12G", "512M", "1.5G", "4096" -> bytes. */
bool opts_size(struct str text, uint64_t *bytes, struct err *e) MUST_USE;

/* Prints "moat: MESSAGE" on stderr and returns the code's exit status: the end of every command. */
int opts_report(const struct err *e);

#endif
