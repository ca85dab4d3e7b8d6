/* SPDX-License-Identifier: Apache-2.0 */
/* text/template: see template.h. */
#include "text/template.h"

#include "base/limits.h"
#include "text/template_lex.h"
#include "text/template_run.h"

struct template *template_parse(struct str source, struct err *e)
{
    struct buf text;
    if (source.n > LIMIT_TEMPLATE_BYTES) {
        fail(e, ERR_LIMIT, "the template is larger than %u bytes", LIMIT_TEMPLATE_BYTES);
        return NULL;
    }
    struct template *t = mem_new(1, sizeof *t, e);
    if (!t)
        return NULL;
    buf_init(&text, LIMIT_TEMPLATE_BYTES);
    struct str kept = {0};
    bool ok = lex_normalize(source, &text, e);
    kept.n = text.n;
    ok = ok && (kept.p = arena_copy(&t->arena, buf_view(&text), e));
    buf_clear(&text);
    if (ok && parse_source(t, kept, e) && resolve_names(t, e))
        return t;
    template_free(t);
    return NULL;
}

void template_free(struct template *t)
{
    if (!t)
        return;
    arena_clear(&t->arena);
    mem_free(t->global);
    mem_free(t);
}

/* A variable of the context, else a function of ours, else missing. */
static bool bind_globals(struct render *r, const json_t *context)
{
    const struct template *t = r->t;
    if (!(r->globals = take(r, t->n_globals, sizeof *r->globals)))
        return false;
    for (uint32_t i = 0; i < t->n_globals; i++) {
        const json_t *j = json_object_getn(context, t->global[i].p, t->global[i].n);
        const struct builtin *b = find_global(t->global[i]);
        if (j && !v_from_json(r, j, &r->globals[i]))
            return false;
        if (!j && b)
            r->globals[i] = (struct value){.kind = V_FUNCTION, .function = b};
    }
    return true;
}

bool template_render(const struct template *t, const json_t *context, const struct tm *now,
                     struct buf *out, struct err *e)
{
    struct render r = {.t = t, .now = now, .e = e, .steps = LIMIT_TEMPLATE_STEPS, .line = 1};
    struct buf text;
    enum flow flow = FLOW_ON;
    buf_init(&text, LIMIT_TEMPLATE_OUTPUT);
    r.out = &text;
    r.arena.max = RENDER_MEMORY;
    bool ok = bind_globals(&r, context) && (r.env = env_new(&r, &t->root, NULL)) &&
              enter_scope(&r, &t->root.scope) && exec(&r, t->body, &flow);
    if (ok)
        buf_str(out, buf_view(&text));
    arena_clear(&r.arena);
    buf_clear(&text);
    return ok && buf_ok(out, "rendering", e);
}
