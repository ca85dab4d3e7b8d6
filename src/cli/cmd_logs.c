/* SPDX-License-Identifier: Apache-2.0 */
/* moat logs: what is in a log, without reading it all. */
#include "cli/commands.h"
#include "cli/logs.h"
#include "cli/verbs.h"

static const struct command *const verbs[] = {&logs_parse, &logs_find, &logs_follow, &logs_ask};

static int main_logs(int argc, char **argv)
{
    return verbs_run(&cmd_logs, verbs, sizeof verbs / sizeof *verbs, argc, argv);
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
