/* SPDX-License-Identifier: Apache-2.0 */
/* moat mirror: the models of the store for the machines around. */
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/config_opts.h"
#include "cli/mirror_stats.h"
#include "serve/supervisor.h"

#define DEFAULT_LISTEN "127.0.0.1:8081"

struct options {
    const char *config, *token_file;
    const char *stats_of; /* an address; NULL: be a mirror */
    bool helped, json;
    struct config_opts config_opts;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const char *words[2] = {NULL, NULL};
    struct args args = {words, 0};
    const struct opt own[] = {
        {"config", 0, OPT_TEXT, &o->config, "FILE",
         N_("the configuration (default: ~/.config/moat/config.json)"), 0, 0, NULL},
        {"token-file", 0, OPT_TEXT, &o->token_file, "FILE",
         N_("of stats: the key to ask with is in this file"), 0, 0, NULL},
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("of stats: print one JSON object"), 0, 0, NULL},
        {0},
    };
    config_opts_init(&o->config_opts, CONFIG_MIRROR);
    const struct opt *const tables[] = {own, o->config_opts.table, NULL};
    if (!opts_parse(&cmd_mirror, tables, argc, argv, &args, 0, 2, &o->helped, e))
        return false;
    if (o->helped || args.n == 0)
        return true;
    if (strcmp(words[0], "stats") != 0)
        return fail(e, ERR_USAGE, "moat mirror does not know \"%s\"; it has stats", words[0]);
    o->stats_of = args.n > 1 ? words[1] : "http://" DEFAULT_LISTEN;
    return true;
}

/* Also what SIGHUP does. */
static bool load_config(struct config *c, void *arg, struct err *e)
{
    const struct options *o = arg;
    if (!config_load(c, o->config, e) || !config_opts_apply(&o->config_opts, c, e))
        return false;
    return c->listen.n || config_set(c, &config_keys[0], STR(DEFAULT_LISTEN), CONFIG_DEFAULT, e);
}

static bool run(struct options *o, int *status, struct err *e)
{
    struct config config;
    struct access access = {0};
    struct served_list models = {0};
    config_init(&config);
    bool ok = load_config(&config, o, e) && access_load(&access, &config, e) &&
              access_check(&access, &config, e);
    struct supervisor_params p = {.routes = &route_mirror,
                                  .config = &config,
                                  .access = &access,
                                  .models = &models,
                                  .reload = load_config,
                                  .reload_arg = o};
    ok = ok && supervisor_run(&p, status, e);
    access_clear(&access);
    config_clear(&config);
    return ok;
}

static int main_mirror(int argc, char **argv)
{
    struct err e = {0};
    int status = 0;
    struct options *o = mem_new(1, sizeof *o, &e);
    bool ok = o && parse(o, argc, argv, &e);
    if (ok && o->stats_of)
        ok = mirror_stats_print(o->stats_of, o->token_file, o->json, &e);
    else if (ok && !o->helped)
        ok = run(o, &status, &e);
    mem_free(o);
    return ok ? status : opts_report(&e);
}

const struct command cmd_mirror = {
    "mirror",
    "[stats [URL]]",
    N_("give the models of this machine to others, as a hub of your own"),
    N_("Serves what is in the store at 127.0.0.1:8081, or where --listen says; an address that "
       "other "
       "machines can reach has TLS and asks for a key (moat key add), which clients send as a "
       "token. "
       "Ranges, resuming and the hashes of leaves are there, so moat pull, curl -C - and aria2 go "
       "on where they were. Besides /models/NAME/TAG.gguf and /blobs/sha256-HEX it has the paths "
       "of Hugging Face (set HF_ENDPOINT to it; a model NAME:TAG is TAG.gguf of library/NAME) and "
       "of an OCI or Ollama registry.\n\n"
       "With --upstream-hf or --upstream-registry it fetches what is asked for and not there: "
       "once, "
       "however many ask, and nobody gets a byte before the SHA-256 of the whole is right. --quota "
       "bounds what is kept so; models of your own are never removed.\n\n"
       "moat mirror stats shows the numbers of a mirror that runs. SIGTERM lets what runs finish, "
       "SIGHUP reads the configuration, the keys and the certificate again.\n\n"
       "moat mirror\n"
       "moat mirror --upstream-hf https://huggingface.co --quota 200G\n"
       "moat mirror --listen 0.0.0.0:8443 --tls-certificate server.pem --tls-key server.key"),
    main_mirror,
};
