/* SPDX-License-Identifier: Apache-2.0 */
/* cli/pull_opts: see pull_opts.h. */
#include "cli/pull_opts.h"

#include <stdio.h>
#include <string.h>

#include "fetch/auth.h"
#include "fetch/role.h"
#include "store/blob.h"

enum { CONNECTIONS = 16, MOST_CONNECTIONS = 32, STALL_S = 30 };

static bool add_mirror(void *out, struct str value, struct err *e)
{
    struct pull_options *o = out;
    if (o->n_mirror == LIMIT_PULL_SOURCES - 1)
        return fail(e, ERR_LIMIT, "more than %u sources", LIMIT_PULL_SOURCES);
    o->mirror[o->n_mirror++] = value.p; /* a whole argv tail: NUL-terminated */
    return true;
}

void pull_options_init(struct pull_options *o)
{
    *o = (struct pull_options){.job = {.connections = CONNECTIONS, .stall_s = STALL_S}};
}

static bool check(struct pull_options *o, struct err *e)
{
    struct digest d;
    if (!o->job.ca)
        o->job.ca = fetch_private_ca();
    if (o->job.root && !digest_parse(&d, str_of(o->job.root), NULL))
        return fail(e, ERR_USAGE, "the root of a hash tree has 64 hexadecimal digits");
    return true;
}

bool pull_options_parse(struct pull_options *o, const struct command *cmd, int argc, char **argv,
                        bool *helped, struct err *e)
{
    struct fetch_job *j = &o->job;
    const struct opt table[] = {
        {"name", 'n', OPT_TEXT, &o->name, "NAME[:TAG]", N_("what the model is to be called"), 0, 0,
         NULL},
        {"sha256", 0, OPT_TEXT, &o->sha256, "HEX",
         N_("refuse a model file with another SHA-256 than this"), 0, 0, NULL},
        {"tree", 0, OPT_TEXT, &j->root, "HEX",
         N_("the root of the file's hash tree: a bad piece is fetched again alone; FILE.leaves "
            "must lie beside the file at one source"),
         0, 0, NULL},
        {"mirror", 'm', OPT_CALL, o, "URL",
         N_("another address of the same file, may be given often; the first ones are preferred"),
         0, 0, add_mirror},
        {"continue", 'c', OPT_FLAG, &o->go_on, NULL,
         N_("go on with what an earlier pull left; it always does"), 0, 0, NULL},
        {"connections", 0, OPT_U32, &j->connections, "N",
         N_("connections at most (default 16); as many of them are used as help"), 1,
         MOST_CONNECTIONS, NULL},
        {"limit-rate", 0, OPT_SIZE, &j->limit_rate, "SIZE",
         N_("bytes a second at most, for example 10M"), 0, 0, NULL},
        {"timeout", 0, OPT_U32, &j->stall_s, "SECONDS",
         N_("give a connection up that brings nothing for so long (default 30)"), 1, 3600, NULL},
        {"retries", 0, OPT_U32, &j->retries, "N",
         N_("give a source up after N failures in a row (default: never)"), 1, 1e6, NULL},
        {"proxy", 0, OPT_TEXT, &j->proxy, "URL",
         N_("http://, https://, socks5:// or socks5h:// proxy for all addresses"), 0, 0, NULL},
        {"ca", 0, OPT_TEXT, &j->ca, "FILE", N_("trust these CA certificates (PEM)"), 0, 0, NULL},
        {"token-file", 0, OPT_TEXT, &o->token_file, "FILE",
         N_("send the token in this file to the host of the address, and to no other"), 0, 0, NULL},
        {"config", 0, OPT_TEXT, &o->config, "FILE",
         N_("settings from a JSON file that the model starts with from now on"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL,
         N_("print one JSON object a line: progress, notes, and the result at the end"), 0, 0,
         NULL},
        {0},
    };
    struct args args = {.v = &o->what};
    pull_options_init(o);
    return opts_parse(cmd, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1, 1,
                      helped, e) &&
           (*helped || check(o, e));
}

bool pull_auth(const struct pull_options *o, const struct url *u, struct fetch_job *job,
               struct err *e)
{
    return !o->token_file || fetch_auth_read(job, u, o->token_file, e);
}
