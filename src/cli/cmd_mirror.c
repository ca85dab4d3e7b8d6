/* SPDX-License-Identifier: Apache-2.0 */
/* moat mirror: the models of the store for the machines around. */
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/config_opts.h"
#include "serve/supervisor.h"

#define DEFAULT_LISTEN "127.0.0.1:8081"

struct options {
    const char *config;
    bool helped;
    struct config_opts config_opts;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const char *none[1];
    struct args args = {none, 0};
    const struct opt own[] = {
        {"config", 0, OPT_TEXT, &o->config, "FILE",
         N_("the configuration (default: ~/.config/moat/config.json)"), 0, 0, NULL},
        {0},
    };
    config_opts_init(&o->config_opts, CONFIG_MIRROR);
    const struct opt *const tables[] = {own, o->config_opts.table, NULL};
    return opts_parse(&cmd_mirror, tables, argc, argv, &args, 0, 0, &o->helped, e);
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
    bool ok = o && parse(o, argc, argv, &e) && (o->helped || run(o, &status, &e));
    mem_free(o);
    return ok ? status : opts_report(&e);
}

const struct command cmd_mirror = {
    "mirror",
    "",
    N_("give the models of this machine to others, as a hub of your own"),
    N_("Serves what is in the store at 127.0.0.1:8081, or where --listen says; an address that "
       "other "
       "machines can reach has TLS and asks for a key (moat key add), which clients send as a "
       "token. "
       "Ranges, resuming and the hashes of leaves are there, so moat pull, curl -C - and aria2 go "
       "on where they were. Besides /models/NAME/TAG.gguf and /blobs/sha256-HEX it has the paths "
       "of Hugging Face (set HF_ENDPOINT to it; a model NAME:TAG is TAG.gguf of library/NAME) and "
       "of an OCI or Ollama registry. SIGTERM lets what runs finish, SIGHUP reads the "
       "configuration, the keys and the certificate again.\n\n"
       "moat mirror\n"
       "moat mirror --listen 0.0.0.0:8443 --tls-certificate server.pem --tls-key server.key"),
    main_mirror,
};
