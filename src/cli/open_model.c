/* SPDX-License-Identifier: Apache-2.0 */
/* cli/open_model: see open_model.h. */
#include "cli/open_model.h"

#include <stdio.h>

#include "serve/config.h"
#include "store/admit.h"

/* A policy must be there where the owner's configuration says so. */
static bool begin(struct admission *a, struct err *e)
{
    struct config c;
    config_init(&c);
    bool ok = config_load(&c, NULL, e) && admit_begin(a, c.require_policy, e);
    config_clear(&c);
    return ok;
}

static struct gguf *open_one(const char *model, enum policy_use use, struct err *e)
{
    struct admission a = {0};
    struct gguf *g = begin(&a, e) ? admit_model(&a, model, use, e) : NULL;
    admit_end(&a);
    return g;
}

struct gguf *open_model(const char *model, struct err *e)
{
    return open_one(model, POLICY_MODEL, e);
}

struct gguf *open_draft(const char *model, struct err *e)
{
    return open_one(model, POLICY_DRAFT, e);
}

bool open_with_draft(const char *model, const char *draft, struct gguf **m, struct gguf **d,
                     struct err *e)
{
    struct admission a = {0};
    *d = NULL;
    *m = begin(&a, e) ? admit_model(&a, model, POLICY_MODEL, e) : NULL;
    bool ok = *m && (!draft || (*d = admit_model(&a, draft, POLICY_DRAFT, e)));
    admit_end(&a);
    if (ok)
        return true;
    gguf_close(*m);
    *m = NULL;
    return false;
}

struct gguf *open_to_look(const char *model, struct err *e)
{
    struct resolved r;
    bool ok = resolve_model(model, &r, e);
    resolved_clear(&r);
    return ok ? r.gguf : NULL;
}

bool open_model_settings(const char *model, struct settings *s, json_t **opening, struct err *e)
{
    struct store store;
    struct name name;
    struct manifest m;
    *opening = NULL;
    if (name_is_path(str_of(model)) || !name_parse(&name, str_of(model), NULL))
        return true;
    if (!store_open(&store, false, e))
        return false;
    if (!manifest_exists(&store, &name))
        return true;
    if (!manifest_read(&store, &name, &m, e))
        return false;
    bool ok = !m.settings || settings_from_json(s, m.settings, name.text, e);
    *opening = json_incref(m.opening);
    manifest_clear(&m);
    return ok;
}

void open_model_show_plan(const struct memplan *plan)
{
    struct buf text;
    buf_init(&text, 1u << 16);
    memplan_render(plan, &text);
    fputs(buf_c(&text), stderr);
    buf_clear(&text);
}
