/* SPDX-License-Identifier: Apache-2.0 */
/* cli/main: the command table. A command is one row here and one file cmd_<name>.c. */
#include <libintl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/opts.h"

static const struct command *const commands[] = {
    NULL,
};

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    bindtextdomain("moat", MOAT_LOCALEDIR);
    textdomain("moat");
    for (size_t i = 0; argc > 1 && commands[i]; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return commands[i]->run(argc - 1, argv + 1);
    struct err e;
    fail(&e, ERR_USAGE, "unknown command \"%s\"; see moat help", argc > 1 ? argv[1] : "");
    fprintf(stderr, "moat: %s\n", e.msg);
    return err_exit_status(e.code);
}
