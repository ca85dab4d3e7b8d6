/* SPDX-License-Identifier: Apache-2.0 */
/* moat config: what the configuration says, and whether it is right. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "serve/config.h"

struct options {
    const char *verb, *file;
    bool json, helped;
};

static bool parse(struct options *o, int argc, char **argv, struct err *e)
{
    const char *words[2] = {NULL, NULL};
    struct args args = {words, 0};
    const struct opt table[] = {
        {"json", 0, OPT_FLAG, &o->json, NULL, N_("print one JSON object"), 0, 0, NULL}, {0}};
    if (!opts_parse(&cmd_config, (const struct opt *const[]){table, NULL}, argc, argv, &args, 1, 2,
                    &o->helped, e))
        return false;
    o->verb = words[0];
    o->file = args.n > 1 ? words[1] : NULL;
    if (o->helped || strcmp(o->verb, "show") == 0 || strcmp(o->verb, "check") == 0)
        return true;
    return fail(e, ERR_USAGE, "moat config does not know \"%s\"; it has show and check", o->verb);
}

static bool print(const json_t *j, struct err *e)
{
    struct buf out;
    buf_init(&out, 4u << 20);
    bool ok = json_write(j, JSON_COMPACT, &out, e);
    if (ok)
        fputs(buf_c(&out), stdout);
    buf_clear(&out);
    return ok;
}

static bool show_text(const struct config *c, struct err *e)
{
    bool ok = true;
    for (int i = 0; ok && i < CONFIG_KEYS; i++) {
        json_t *value = config_value(c, &config_keys[i]);
        printf("%-16s ", config_keys[i].key);
        ok = print(value, e);
        printf("  (%s)\n", _(config_source_name(c->source[i])));
        json_decref(value);
    }
    return ok;
}

static bool show_json(const struct config *c, struct err *e)
{
    json_t *j = json_object();
    for (int i = 0; i < CONFIG_KEYS; i++)
        json_object_set_new(j, config_keys[i].key,
                            json_pack("{so ss}", "value", config_value(c, &config_keys[i]),
                                      "source", config_source_name(c->source[i])));
    bool ok = print(j, e);
    printf("\n");
    json_decref(j);
    return ok;
}

static bool run(const struct options *o, struct err *e)
{
    struct config c;
    config_init(&c);
    bool ok = config_load(&c, o->file, e);
    if (ok && strcmp(o->verb, "show") == 0)
        ok = o->json ? show_json(&c, e) : show_text(&c, e);
    else if (ok && o->json)
        printf("{\"file\":%s,\"ok\":true}\n", c.path[0] ? "true" : "false");
    else if (ok && c.path[0])
        printf(_("%s: as it should be\n"), c.path);
    else if (ok)
        printf(_("there is no configuration file; the defaults hold\n"));
    config_clear(&c);
    return ok;
}

static int main_config(int argc, char **argv)
{
    struct err e = {0};
    struct options o = {0};
    bool ok = parse(&o, argc, argv, &e) && (o.helped || run(&o, &e));
    return ok ? 0 : opts_report(&e);
}

const struct command cmd_config = {
    "config",
    "show|check [FILE]",
    N_("show the configuration, or check it"),
    N_("Without FILE it is $MOAT_CONFIG, ~/.config/moat/config.json or /etc/moat/config.json, "
       "whichever is there first. show prints each key with its value and where that comes from; "
       "check says what is wrong, with exit status 2."),
    main_config,
};
