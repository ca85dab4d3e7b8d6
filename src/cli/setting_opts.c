/* SPDX-License-Identifier: Apache-2.0 */
/* cli/setting_opts: see setting_opts.h. */
#include "cli/setting_opts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

static bool remember(void *slot, struct str value, struct err *e)
{
    const struct setting_slot *s = slot;
    struct setting_opts *so = s->all;
    if (so->n_given == SETTING_GIVEN)
        return fail(e, ERR_USAGE, "too many settings on the command line; use --config FILE");
    /* A trial run on scratch settings: the mistake is reported where parsing stands. */
    struct settings scratch;
    settings_init(&scratch);
    bool ok = settings_set(&scratch, s->def, value, e);
    settings_clear(&scratch);
    so->given[so->n_given].def = s->def;
    so->given[so->n_given].value = value;
    so->n_given += ok;
    return ok;
}

static void option_name(char out[SETTING_NAME], const char *key)
{
    snprintf(out, SETTING_NAME, "%s", strcmp(key, "context_window") == 0 ? "context" : key);
    for (char *p = out; *p; p++)
        if (*p == '_')
            *p = '-';
}

static void init(struct setting_opts *so, const char *title, bool rope_only)
{
    memset(so, 0, sizeof *so);
    must(settings_count <= SETTING_OPTS);
    so->table[0] = (struct opt){.name = "", .kind = OPT_GROUP, .help = title};
    for (uint32_t i = 0, n = 0; i < settings_count; i++) {
        const struct setting *def = &settings_table[i];
        if (rope_only && (!def->at_load || strcmp(def->key, "context_window") == 0))
            continue;
        option_name(so->names[i], def->key);
        so->slots[i] = (struct setting_slot){so, def};
        so->table[++n] = (struct opt){.name = so->names[i],
                                      .kind = OPT_CALL,
                                      .out = &so->slots[i],
                                      .arg = def->arg,
                                      .help = def->help,
                                      .call = remember};
    }
}

void setting_opts_init(struct setting_opts *so)
{
    init(so, N_("Settings of the answer"), false);
}

void setting_opts_init_rope(struct setting_opts *so)
{
    init(so, N_("Positions"), true);
}

bool setting_opts_apply(const struct setting_opts *so, const char *config, struct settings *s,
                        struct err *e)
{
    if (config && !settings_load(s, config, e))
        return false;
    /* A list given by options replaces the file's list, it does not add to it. */
    for (uint32_t i = 0; i < so->n_given; i++)
        if (so->given[i].def->kind == SETTING_STRINGS)
            ((struct settings_strings *)((char *)s + so->given[i].def->offset))->set = false;
    for (uint32_t i = 0; i < so->n_given; i++)
        if (!settings_set(s, so->given[i].def, so->given[i].value, e))
            return false;
    return true;
}

static void show_strings(const struct settings_strings *v, struct buf *out)
{
    struct err e;
    json_t *list = json_array();
    for (uint32_t i = 0; i < v->n; i++)
        json_array_append_new(list, json_string(v->v[i]));
    if (!json_write(list, JSON_COMPACT, out, &e))
        buf_cstr(out, "?");
    json_decref(list);
}

static void show_number(const struct settings *s, const struct setting *def, struct buf *out)
{
    const void *at = (const char *)s + def->offset;
    if (def->kind == SETTING_F32)
        buf_fmt(out, "%.6g", (double)*(const float *)at);
    else if (def->kind == SETTING_U64 && !s->seed_set)
        buf_cstr(out, _("another each time"));
    else if (def->kind == SETTING_U64)
        buf_fmt(out, "%llu", (unsigned long long)*(const uint64_t *)at);
    else if (def->min < 0 && *(const uint32_t *)at == UINT32_MAX)
        buf_cstr(out, "-1");
    else
        buf_fmt(out, "%u", *(const uint32_t *)at);
}

static void show_choice(uint32_t choice, const struct setting *def, struct buf *out)
{
    buf_cstr(out, choice ? def->choices[choice - 1] : _("as the model says"));
}

static void show_order(const struct settings *s, struct buf *out)
{
    for (uint32_t i = 0; s->samplers[i] != SAMPLE_END; i++)
        buf_fmt(out, "%s%s", i ? ";" : "", settings_stage_name(s->samplers[i]));
}

static void show_bias(const struct settings *s, struct buf *out)
{
    for (uint32_t i = 0; i < s->n_logit_bias; i++) {
        const struct sample_bias *b = &s->logit_bias[i];
        buf_fmt(out, "%s%u=", i ? " " : "", b->token);
        if (isinf(b->bias))
            buf_cstr(out, "false");
        else
            buf_fmt(out, "%g", (double)b->bias);
    }
}

void setting_show(const struct settings *s, const struct setting *def, struct buf *out)
{
    switch (def->kind) {
    case SETTING_U32:
    case SETTING_U64:
    case SETTING_F32:
        show_number(s, def, out);
        break;
    case SETTING_FLAG:
        buf_cstr(out, *(const bool *)((const char *)s + def->offset) ? "true" : "false");
        break;
    case SETTING_CHOICE:
        show_choice(*(const uint32_t *)(const void *)((const char *)s + def->offset), def, out);
        break;
    case SETTING_STRINGS:
        show_strings((const void *)((const char *)s + def->offset), out);
        break;
    case SETTING_ORDER:
        show_order(s, out);
        break;
    case SETTING_BIAS:
        show_bias(s, out);
        break;
    }
}
