/* SPDX-License-Identifier: Apache-2.0 */
/* ops/remedy: doing the steps of a plan. See remedy.h. */
#include "ops/remedy.h"

#include <stdio.h>
#include <string.h>

#include "ops/host_file.h"
#include "ops/remedy_private.h"
#include "ops/swap_file.h"

static bool has_line(struct str text, const char *line)
{
    struct str one;
    while (str_cut(&text, '\n', &one))
        if (str_is(str_trim(one), line))
            return true;
    return false;
}

/* Whether the step has nothing to do: it is done, or is not for a root. */
static bool is_needless(const struct remedy_work *w, const struct remedy_step *s, struct str now)
{
    switch (s->kind) {
    case STEP_FILE:
        return str_is(now, s->text);
    case STEP_LINE:
        return has_line(now, s->text);
    case STEP_VALUE:
        return w->root[0] || str_is(remedy_chosen_value(now), s->text);
    case STEP_SWAP:
        return w->root[0] || host_exists("", "%s", s->path);
    case STEP_SYSTEMD:
        return w->root[0];
    }
    return true;
}

static bool add_line(const struct remedy_work *w, const struct remedy_step *s, struct str now,
                     struct err *e)
{
    struct buf text;
    buf_init(&text, HOST_TEXT + sizeof s->text + 2);
    buf_str(&text, now);
    if (now.n && now.p[now.n - 1] != '\n')
        buf_byte(&text, '\n');
    buf_fmt(&text, "%s\n", s->text);
    bool ok = buf_ok(&text, s->path, e) && remedy_write_whole(w, s->path, buf_view(&text), e);
    buf_clear(&text);
    return ok;
}

static bool do_step(const struct remedy_work *w, const struct remedy_step *s, struct str now,
                    struct err *e)
{
    switch (s->kind) {
    case STEP_FILE:
        return remedy_write_whole(w, s->path, str_of(s->text), e);
    case STEP_LINE:
        return add_line(w, s, now, e);
    case STEP_VALUE:
        return remedy_set_value(w, s->path, s->text, e);
    case STEP_SWAP:
        return remedy_make_parent(s->path, e) && swap_file_on(s->path, s->bytes, e);
    case STEP_SYSTEMD:
        return remedy_reload_systemd() ||
               fail(e, ERR_IO, "systemctl daemon-reload failed; run it by hand");
    }
    return true;
}

static bool record_step(const struct remedy_work *w, const struct remedy_step *s, struct str now,
                        bool existed, struct err *e)
{
    struct str before = s->kind == STEP_VALUE ? remedy_chosen_value(now) : now;
    json_t *old = s->kind == STEP_FILE || s->kind == STEP_VALUE
                      ? existed ? json_stringn(before.p, before.n) : json_null()
                      : json_null();
    json_t *j = json_pack("{s:s, s:s, s:s, s:o}", "kind", remedy_kinds[s->kind], "path", s->path,
                          "after", s->text, "before", old);
    if (!j) /* a file that is no text: not ours to replace */
        return fail(e, ERR_UNSUPPORTED, "%s is not a text file; it was left alone", s->path);
    json_array_append_new(w->done, j);
    return remedy_save_record(w, e);
}

static bool apply_step(const struct remedy_work *w, const struct remedy_step *s, struct err *e)
{
    struct buf now;
    if (s->kind == STEP_SWAP || s->kind == STEP_SYSTEMD)
        buf_init(&now, 1);
    else
        host_text(&now, w->root, "%s", s->path);
    bool existed = host_exists(w->root, "%s", s->path), ok = true;
    if (is_needless(w, s, buf_view(&now))) {
        remedy_say(
            w, w->root[0] ? N_("left alone below a root, or there already") : N_("there already"),
            s->path);
    } else {
        ok = record_step(w, s, buf_view(&now), existed, e) && do_step(w, s, buf_view(&now), e);
        if (ok)
            remedy_say(w, N_("done"), s->path);
    }
    buf_clear(&now);
    return ok;
}

bool remedy_apply(const struct remedy_plan *p, const char *root, remedy_note_fn *note, void *arg,
                  struct err *e)
{
    struct remedy_work w = {.root = root, .note = note, .arg = arg};
    bool ok = remedy_load_record(&w, e);
    for (uint32_t i = 0; ok && i < p->n; i++)
        ok = apply_step(&w, &p->step[i], e);
    json_decref(w.done);
    return ok;
}
