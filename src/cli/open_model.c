/* SPDX-License-Identifier: Apache-2.0 */
/* cli/open_model: see open_model.h. */
#include "cli/open_model.h"

#include <stdio.h>

#include "store/admit.h"

struct gguf *open_model(const char *model, struct err *e)
{
    return admit_model(model, POLICY_MODEL, e);
}

struct gguf *open_draft(const char *model, struct err *e)
{
    return admit_model(model, POLICY_DRAFT, e);
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
