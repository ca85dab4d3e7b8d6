/* SPDX-License-Identifier: Apache-2.0 */
/* cli/config_opts: see config_opts.h. */
#include "cli/config_opts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_LISTEN "127.0.0.1:8080"

static bool remember(void *out, struct str value, struct err *e)
{
    struct config_opt_slot *slot = out;
    struct config_opts *o = slot->all;
    struct config scratch;
    if (o->n_given == CONFIG_GIVEN)
        return fail(e, ERR_USAGE, "too many options; write them to config.json");
    /* a trial run: the mistake is reported where parsing stands */
    config_init(&scratch);
    bool ok = config_set(&scratch, slot->key, value, CONFIG_OPTION, e);
    config_clear(&scratch);
    o->given[o->n_given].key = slot->key;
    o->given[o->n_given].value = value;
    o->n_given += ok;
    return ok;
}

void config_opts_init(struct config_opts *o, enum config_use use)
{
    size_t n = 0;
    *o = (struct config_opts){0};
    o->table[n++] = (struct opt){.name = "", .kind = OPT_GROUP, .help = N_("The server")};
    for (int i = 0; i < CONFIG_KEYS; i++) {
        const struct config_key *key = &config_keys[i];
        if (!key->arg || (key->use != CONFIG_ALL && key->use != use))
            continue;
        snprintf(o->names[i], CONFIG_OPT_NAME, "%s", key->key);
        for (char *p = o->names[i]; *p; p++)
            if (*p == '_')
                *p = '-';
        o->slots[i] = (struct config_opt_slot){o, key};
        o->table[n++] = (struct opt){.name = o->names[i],
                                     .kind = OPT_CALL,
                                     .out = &o->slots[i],
                                     .arg = key->arg,
                                     .help = key->help,
                                     .call = remember};
    }
}

bool config_opts_apply(const struct config_opts *o, struct config *c, struct err *e)
{
    for (uint32_t i = 0; i < o->n_given; i++)
        if (!config_set(c, o->given[i].key, o->given[i].value, CONFIG_OPTION, e))
            return false;
    return true;
}

bool config_opts_listen(struct config *c, struct err *e)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    const struct config_key *listen = config_find("listen");
    char path[512];
    if (c->source[listen - config_keys] != CONFIG_DEFAULT)
        return true;
    if (!config_set(c, listen, STR(DEFAULT_LISTEN), CONFIG_DEFAULT, e))
        return false;
    if (!run || !run[0] || strlen(run) > 80)
        return true;
    snprintf(path, sizeof path, "unix:%s/moat.sock", run);
    return config_set(c, listen, str_of(path), CONFIG_DEFAULT, e);
}
