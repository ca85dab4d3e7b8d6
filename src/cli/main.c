/* SPDX-License-Identifier: Apache-2.0 */
/* cli/main: the command table. A command is one row here and one file cmd_<name>.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/near.h"
#include "cli/allowed.h"
#include "cli/audited.h"
#include "cli/commands.h"
#include "cli/isolate.h"
#include "cli/lang.h"
#include "cli/opts.h"
#include "cli/term.h"
#include "fetch/role.h"

static const struct row {
    const char *group; /* heading before this row in `moat help`, or NULL */
    const struct command *cmd;
} rows[] = {
    {N_("Daily use"), NULL},
    {NULL, &cmd_run},

    {NULL, &cmd_serve},
    {NULL, &cmd_ps},
    {NULL, &cmd_stop},

    {NULL, &cmd_ask},

    {NULL, &cmd_embed},

    {NULL, &cmd_list},

    {NULL, &cmd_show},

    {NULL, &cmd_pull},
    {NULL, &cmd_import},

    {NULL, &cmd_create},

    {NULL, &cmd_export},

    {NULL, &cmd_push},

    {NULL, &cmd_catalog},

    {NULL, &cmd_cp},

    {NULL, &cmd_rm},

    {NULL, &cmd_verify},

    {NULL, &cmd_gc},

    {NULL, &cmd_mirror},

    {NULL, &cmd_logs},

    {NULL, &cmd_pack},
    {NULL, &cmd_policy},

    {N_("Measuring and testing"), NULL},
    {NULL, &cmd_bench},

    {NULL, &cmd_tokenize},

    {NULL, &cmd_logits},

    {NULL, &cmd_perplexity},

    {NULL, &cmd_grammar},
    {NULL, &cmd_template},

    {N_("Making models"), NULL},
    {NULL, &cmd_convert},

    {NULL, &cmd_quantize},

    {NULL, &cmd_imatrix},

    {N_("This program"), NULL},
    {NULL, &cmd_doctor},

    {NULL, &cmd_attest},

    {NULL, &cmd_bundle},

    {NULL, &cmd_config},
    {NULL, &cmd_key},

    {NULL, &cmd_audit},

    {NULL, &cmd_sign},

    {NULL, &cmd_completion},
};

enum { N_ROWS = sizeof rows / sizeof *rows };

static const struct command *find(const char *name)
{
    if (strcmp(name, "ls") == 0)
        name = "list";
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].cmd && strcmp(rows[i].cmd->name, name) == 0)
            return rows[i].cmd;
    return NULL;
}

static int unknown_command(const char *name)
{
    struct err e;
    struct near n;
    near_init(&n, str_of(name));
    near_offer(&n, "help");
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].cmd)
            near_offer(&n, rows[i].cmd->name);
    const char *best = near_best(&n);
    if (best)
        fail(&e, ERR_USAGE, "unknown command \"%s\"; did you mean \"moat %s\"?", name, best);
    else
        fail(&e, ERR_USAGE, "unknown command \"%s\"; moat help lists them all", name);
    return opts_report(&e);
}

static void print_overview(FILE *to)
{
    struct buf out;
    buf_init(&out, 1u << 16);
    uint32_t width = term_columns(STDOUT_FILENO);
    const char *heading = NULL;
    buf_cstr(&out, _("moat runs large language models on your own machine.\n\n"
                     "Usage: moat COMMAND [ARGUMENTS] [OPTIONS]\n"));
    for (size_t i = 0; i < N_ROWS; i++) {
        const struct command *c = rows[i].cmd;
        if (rows[i].group)
            heading = rows[i].group;
        if (!c)
            continue;
        if (heading)
            buf_fmt(&out, "\n%s\n", _(heading));
        heading = NULL;
        buf_fmt(&out, "  %s", c->name);
        term_wrap(&out, str_of(_(c->summary)), 16, 2 + term_text_width(str_of(c->name)), width);
    }
    buf_cstr(&out, _("\nFor one command: moat help COMMAND\n"));
    fwrite(buf_c(&out), 1, out.n, to);
    buf_clear(&out);
}

/* The page of `moat` itself; troff finds no dash and no backslash of its own in it. */
static void print_man(void)
{
    printf(".TH MOAT 1 \"\" \"moat " MOAT_VERSION "\"\n.SH NAME\nmoat \\- %s\n.SH SYNOPSIS\n"
           ".B moat\nCOMMAND [ARGUMENTS] [OPTIONS]\n.SH COMMANDS\n",
           _("run large language models on your own machine"));
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].cmd)
            printf(".TP\n.BR moat\\-%s (1)\n%s\n", rows[i].cmd->name, _(rows[i].cmd->summary));
    printf(".SH EXIT STATUS\n");
    for (int code = 0; code <= ERR_INTERNAL; code++)
        printf(".TP\n%d\n%s\n", err_exit_status((enum err_code)code),
               err_name((enum err_code)code));
    printf(".SH ENVIRONMENT\n.TP\nMOAT_HOME\n%s\n.TP\nLANG, LC_ALL, LANGUAGE\n%s\n"
           ".TP\nNO_COLOR\n%s\n",
           _("where models are kept; else moat in $XDG_DATA_HOME or ~/.local/share"),
           _("the language of messages: English or Chinese"), _("no dimmed or bold text"));
}

static void print_words(void)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i].cmd)
            puts(rows[i].cmd->name);
    puts("help\nversion");
}

/* moat help [--man|--words] [COMMAND] */
static int help(int argc, char **argv)
{
    static const struct {
        const char *option;
        const char *of_command; /* what the command itself is asked */
        void (*overview)(void);
    } forms[] = {{"--man", "--help=man", print_man}, {"--words", "--help=words", print_words}};
    size_t form = 0, n_forms = sizeof forms / sizeof *forms;
    while (argc > 1 && form < n_forms && strcmp(argv[1], forms[form].option) != 0)
        form++;
    bool given = argc > 1 && form < n_forms;
    argc -= given;
    argv += given;
    if (argc < 2 || strcmp(argv[1], "help") == 0) {
        if (given)
            forms[form].overview();
        else
            print_overview(stdout);
        return 0;
    }
    const struct command *c = find(argv[1]);
    char ask[16];
    snprintf(ask, sizeof ask, "%s", given ? forms[form].of_command : "--help");
    return c ? c->run(2, (char *[]){argv[1], ask, NULL}) : unknown_command(argv[1]);
}

static bool is(const char *word, const char *long_name, const char *dashed, const char *letter)
{
    return strcmp(word, long_name) == 0 || strcmp(word, dashed) == 0 || strcmp(word, letter) == 0;
}

/* What is to be on record is not done where it cannot be; what is another role's, on record. */
static int run_command(const struct command *c, int argc, char **argv)
{
    struct err e = {0};
    if (!audited_begin(c->name, argc, argv, &e))
        return opts_report(&e);
    int status = allowed(c->name, argc, argv, &e) ? c->run(argc, argv) : opts_report(&e);
    return audited_end(status, &e) ? status : opts_report(&e);
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stderr);
        return err_exit_status(ERR_USAGE);
    }
    if (is(argv[1], "help", "--help", "-h"))
        return help(argc - 1, argv + 1);
    if (is(argv[1], "version", "--version", "-V")) {
        printf("moat %s\n", MOAT_VERSION);
        return 0;
    }
    if (strcmp(argv[1], FETCH_ROLE) == 0)
        return fetch_role_main(isolate_fetch);
    const struct command *c = find(argv[1]);
    return c ? run_command(c, argc - 1, argv + 1) : unknown_command(argv[1]);
}

int main(int argc, char **argv)
{
    lang_init();
    int status = dispatch(argc, argv);
    /* Results that memory cut, or that did not reach stdout (a full disk), must not look like
     * success. */
    if (status == 0 && mem_was_short()) {
        struct err e;
        fail(&e, ERR_LIMIT, "memory ended on the way; the result is not whole");
        status = opts_report(&e);
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0 && errno != EPIPE) {
        struct err e;
        fail(&e, ERR_IO, "cannot write the result: %s", strerror(errno));
        status = opts_report(&e);
    }
    return status;
}
