/* SPDX-License-Identifier: Apache-2.0 */
/* moat serve: models behind an API, for OpenAI, llama.cpp and Ollama clients. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/config_opts.h"
#include "cli/setting_opts.h"
#include "serve/log.h"
#include "serve/supervisor.h"

struct options {
    const char *models[SERVED_MAX];
    uint32_t n_models;
    bool every; /* model of the store */
    struct config *in_force;
    const char *config;
    bool helped;
    struct config_opts config_opts;
    struct setting_opts setting_opts;
};

static bool take_model(void *out, struct str value, struct err *e)
{
    struct options *o = out;
    if (str_is(value, SERVED_EVERY)) {
        o->every = true;
        return true;
    }
    if (o->n_models == SERVED_MAX)
        return fail(e, ERR_LIMIT, "%d models at once are the most", SERVED_MAX);
    o->models[o->n_models++] = value.p;
    return true;
}

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const char *none[1];
    struct args args = {none, 0};
    const struct opt own[] = {
        {"model", 'm', OPT_CALL, o, "MODEL",
         N_("a model to serve: a name that moat list shows, or a GGUF file"), 0, 0, take_model},
        {"config", 0, OPT_TEXT, &o->config, "FILE",
         N_("the configuration (default: ~/.config/moat/config.json)"), 0, 0, NULL},
        {0},
    };
    config_opts_init(&o->config_opts, CONFIG_SERVE);
    setting_opts_init(&o->setting_opts);
    const struct opt *const tables[] = {own, o->config_opts.table, o->setting_opts.table, NULL};
    return opts_parse(&cmd_serve, tables, argc, argv, &args, 0, 0, &o->helped, e);
}

/* Also what SIGHUP does. */
static bool load_config(struct config *c, void *arg, struct err *e)
{
    const struct options *o = arg;
    return config_load(c, o->config, e) && config_opts_apply(&o->config_opts, c, e) &&
           config_opts_listen(c, e);
}

static bool add_model(const struct options *o, const char *model, const struct config *c,
                      struct served_list *l, struct err *e)
{
    return served_add(l, model, c->models, e) &&
           setting_opts_apply(&o->setting_opts, NULL, &l->v[l->n - 1]->settings, e);
}

static bool add_stored(void *arg, const char *name, struct served_list *l, struct err *e)
{
    const struct options *o = arg;
    return add_model(o, name, o->in_force, l, e);
}

/* Those of the command line or, where it names none, of the configuration; where nobody names any,
 * every one of the store. */
static bool add_models(struct options *o, const struct config *c, struct served_list *l,
                       struct err *e)
{
    const char *name;
    json_t *of;
    bool ok = true, named = o->n_models || o->every;
    for (uint32_t i = 0; ok && i < o->n_models; i++)
        ok = add_model(o, o->models[i], c, l, e);
    json_object_foreach(named ? NULL : c->models, name, of)
    {
        if (strcmp(name, SERVED_EVERY) == 0)
            o->every = true;
        else
            ok = ok && add_model(o, name, c, l, e);
    }
    o->every |= l->n == 0;
    bool told = c->source[config_find("preload") - config_keys] != CONFIG_DEFAULT;
    for (uint32_t i = 0; ok && i < l->n; i++)
        l->v[i]->at_start = told ? c->preload : l->n == 1 && !o->every;
    return ok;
}

static bool run(struct options *o, int *status, struct err *e)
{
    struct config config;
    struct access access = {0};
    struct served_list models = {0};
    config_init(&config);
    bool ok = load_config(&config, o, e) && access_load(&access, &config, e) &&
              access_check(&access, &config, e) && add_models(o, &config, &models, e);
    struct supervisor_params p = {.routes = &route_models,
                                  .config = &config,
                                  .access = &access,
                                  .models = &models,
                                  .store = {.add = o->every ? add_stored : NULL, .arg = o},
                                  .reload = load_config,
                                  .reload_arg = o};
    o->in_force = &config;
    if (ok)
        served_store_look(&p.store, &models, NULL, NULL);
    if (ok && models.n == 0)
        log_event("no-models", "%s",
                  _("there is none yet; moat pull NAME brings one, which is served then"));
    ok = ok && supervisor_run(&p, status, e);
    served_clear(&models);
    access_clear(&access);
    config_clear(&config);
    return ok;
}

static int main_serve(int argc, char **argv)
{
    struct err e = {0};
    int status = 0;
    struct options *o = mem_new(1, sizeof *o, &e);
    bool ok = o && parse(o, argc, argv, &e) && (o->helped || run(o, &status, &e));
    mem_free(o);
    return ok ? status : opts_report(&e);
}

const struct command cmd_serve = {
    "serve",
    "[--model MODEL[:TAG]|FILE.gguf]",
    N_("answer the clients of an API: OpenAI, llama.cpp and Ollama"),
    N_("Listens at 127.0.0.1:8080 and, where $XDG_RUNTIME_DIR is set, at moat.sock there; other "
       "machines cannot reach it. An address that they can reach has TLS and asks for a key (moat "
       "key add). One model is loaded at the start; GET /health answers 503 until it is there and "
       "200 "
       "from then on. Of several each is loaded by the first request for it, which waits, and "
       "unloaded when it has had no work for a while (--keep-alive) or others need the memory. "
       "Without --model those under \"models\" of the configuration are served; where none are "
       "named there either, or with --model '*', every model of the store can be asked for by its "
       "name, also one that comes while the server runs. "
       "Standard error gets a line of JSON for each request, without a word of what was asked or "
       "answered. SIGTERM lets what runs finish, SIGHUP reads the configuration, the keys and the "
       "certificate again.\n\n"
       "moat serve\n"
       "moat serve --model smollm2:135m\n"
       "moat serve --model smollm2:135m --model qwen3:8b --memory 16G\n"
       "moat serve --model model.gguf --listen 127.0.0.1:9000 --parallel 4 --context 4096\n"
       "moat serve --model smollm2:135m --listen 0.0.0.0:8443 --tls-certificate server.pem "
       "--tls-key server.key"),
    main_serve,
};
