/* SPDX-License-Identifier: Apache-2.0 */
/* moat logs: what is in a log, without reading it all. */
#include <string.h>

#include "base/near.h"
#include "cli/commands.h"
#include "cli/logs.h"

static const struct command *const verbs[] = {&logs_parse, &logs_find, &logs_follow, &logs_ask};
enum { N_VERBS = sizeof verbs / sizeof *verbs };

/* "logs parse" -> "parse" */
static const char *word_of(const struct command *c)
{
    return strrchr(c->name, ' ') + 1;
}

static int unknown(const char *word)
{
    struct err e;
    struct near n;
    near_init(&n, str_of(word));
    for (size_t i = 0; i < N_VERBS; i++)
        near_offer(&n, word_of(verbs[i]));
    const char *best = near_best(&n);
    if (best)
        fail(&e, ERR_USAGE, "moat logs does not know \"%s\"; did you mean %s?", word, best);
    else
        fail(&e, ERR_USAGE, "moat logs does not know \"%s\"; it has parse, find, follow and ask",
             word);
    return opts_report(&e);
}

static int main_logs(int argc, char **argv)
{
    static const struct opt none[] = {{0}};
    struct err e = {0};
    bool helped = false;
    struct args args = {.v = (const char *[1]){NULL}};
    for (size_t i = 0; argc > 1 && i < N_VERBS; i++)
        if (strcmp(argv[1], word_of(verbs[i])) == 0)
            return verbs[i]->run(argc - 1, argv + 1);
    if (argc > 1 && argv[1][0] != '-')
        return unknown(argv[1]);
    if (!opts_parse(&cmd_logs, (const struct opt *const[]){none, NULL}, argc, argv, &args, 1, 1,
                    &helped, &e))
        return opts_report(&e);
    return 0;
}

const struct command cmd_logs = {
    .name = "logs",
    .args = "parse|find|follow|ask ...",
    .summary = N_("find the events in a log, and the lines that matter"),
    .detail = N_("moat logs parse FILE sorts the lines of a log by the event that wrote them; moat "
                 "logs find FILE... finds those that matter; moat logs follow FILE shows what is "
                 "new while it grows. moat logs VERB --help says more."),
    .run = main_logs,
};
