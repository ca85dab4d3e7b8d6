/* SPDX-License-Identifier: Apache-2.0 */
/* moat stop: unloads a model of the server, or ends the server. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/ask_server.h"
#include "cli/commands.h"

struct options {
    struct ask_server ask;
    const char *model;
    bool server, helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const char *model = NULL;
    struct args args = {&model, 0};
    const struct opt table[] = {{"server", 0, OPT_FLAG, &o->server, NULL,
                                 N_("end the server itself, when what it works on is finished"), 0,
                                 0, NULL},
                                ASK_SERVER_OPTS(&o->ask),
                                {0}};
    if (!opts_parse(&cmd_stop, (const struct opt *const[]){table, NULL}, argc, argv, &args, 0, 1,
                    &o->helped, e))
        return false;
    o->model = model;
    return o->helped || !model == o->server ||
           fail(e, ERR_USAGE, "say what to stop: moat stop MODEL, or moat stop --server");
}

static bool stop_model(const struct options *o, struct err *e)
{
    struct server_answer a = {0};
    struct buf text;
    buf_init(&text, 1u << 16);
    json_t *j = json_pack("{ss si sb}", "model", o->model, "keep_alive", 0, "stream", 0);
    bool ok = (j || fail(e, ERR_USAGE, "the name of the model is no text")) &&
              json_write(j, JSON_COMPACT, &text, e) &&
              ask_server(&o->ask, "/api/generate", buf_c(&text), &a, e) &&
              server_answer_good(&a, e);
    if (ok)
        printf(_("%s goes as soon as it has no work\n"), o->model);
    server_answer_clear(&a);
    json_decref(j);
    buf_clear(&text);
    return ok;
}

/* A signal to its supervisor, whose number the socket gives; whoever may send it may end it. */
static bool stop_server(const struct options *o, struct err *e)
{
    struct server_answer a;
    if (!ask_server(&o->ask, "/ready", NULL, &a, e))
        return false;
    json_int_t pid = json_integer_value(json_object_get(a.body, "pid"));
    bool ours = a.local && (a.uid == getuid() || getuid() == 0);
    server_answer_clear(&a);
    if (!ours || pid <= 1)
        return fail(e, ERR_DENIED,
                    "%s: a server is ended on its own machine, over its Unix socket (--listen "
                    "unix:PATH) and by its user, or by SIGTERM to its process",
                    a.where);
    if (kill((pid_t)pid, SIGTERM) != 0)
        return fail(e, ERR_DENIED, "cannot end process %lld: %s", (long long)pid, strerror(errno));
    printf(_("the server ends when what it works on is finished\n"));
    return true;
}

static int main_stop(int argc, char **argv)
{
    struct err e = {0};
    struct options o = {0};
    bool ok = parse(&o, argc, argv, &e) &&
              (o.helped || (o.server ? stop_server(&o, &e) : stop_model(&o, &e)));
    return ok ? 0 : opts_report(&e);
}

const struct command cmd_stop = {
    "stop",
    "[MODEL]",
    N_("unload a model of the server, or end the server"),
    N_("A model with requests under way is unloaded when they are answered; the next request for "
       "it "
       "loads it again. With --server the server takes no more requests, finishes those under way "
       "and ends."),
    main_stop,
};
