/* SPDX-License-Identifier: Apache-2.0 */
/* ops/remedy_undo: taking back what the record says was done, last step first. See remedy.h.
 *
 * The record is root's own; even so only the paths that moat itself writes are touched. */
#include <string.h>

#include "ops/host_file.h"
#include "ops/remedy_private.h"
#include "ops/swap_file.h"

struct entry {
    const char *kind, *path, *after;
    const char *before; /* NULL: there was none */
};

static bool is_ours(const char *path)
{
    static const char *const ours[] = {REMEDY_SWAPFILE,
                                       "/etc/fstab",
                                       "/sys/kernel/mm/transparent_hugepage/enabled",
                                       "/etc/tmpfiles.d/moat.conf",
                                       "/etc/security/limits.d/moat.conf",
                                       "/etc/systemd/system/moat.slice",
                                       "systemd"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(path, ours[i]) == 0)
            return true;
    return false;
}

static bool read_entry(const json_t *j, struct entry *n, struct err *e)
{
    const char *kind = json_string_value(json_object_get(j, "kind"));
    const char *path = json_string_value(json_object_get(j, "path"));
    const char *after = json_string_value(json_object_get(j, "after"));
    if (!kind || !path || !after || !is_ours(path))
        return fail(e, ERR_CORRUPT, "%s is damaged: it does not list what was done", REMEDY_RECORD);
    *n = (struct entry){kind, path, after, json_string_value(json_object_get(j, "before"))};
    return true;
}

static bool undo_file(const struct remedy_work *w, const struct entry *n, struct str now,
                      struct err *e)
{
    if (!str_is(now, n->after)) {
        remedy_say(w, N_("left as it is: it was changed since"), n->path);
        return true;
    }
    bool ok = n->before ? remedy_write_whole(w, n->path, str_of(n->before), e)
                        : remedy_remove(w, n->path, e);
    if (ok)
        remedy_say(w, N_("undone"), n->path);
    return ok;
}

/* Every line but ours stays. */
static bool undo_line(const struct remedy_work *w, const struct entry *n, struct str now,
                      struct err *e)
{
    struct buf text;
    struct str line;
    bool first = true;
    buf_init(&text, HOST_TEXT);
    while (str_cut(&now, '\n', &line))
        if (!str_is(str_trim(line), n->after)) {
            if (!first)
                buf_byte(&text, '\n');
            buf_str(&text, line);
            first = false;
        }
    bool ok = buf_ok(&text, n->path, e) && remedy_write_whole(w, n->path, buf_view(&text), e);
    buf_clear(&text);
    if (ok)
        remedy_say(w, N_("undone"), n->path);
    return ok;
}

static bool undo_value(const struct remedy_work *w, const struct entry *n, struct str now,
                       struct err *e)
{
    if (!n->before || !str_is(remedy_chosen_value(now), n->after)) {
        remedy_say(w, N_("left as it is: it was changed since"), n->path);
        return true;
    }
    bool ok = remedy_set_value(w, n->path, n->before, e);
    if (ok)
        remedy_say(w, N_("undone"), n->path);
    return ok;
}

static bool undo_entry(const struct remedy_work *w, const struct entry *n, struct err *e)
{
    struct buf now;
    bool ok = true, running = w->root[0] == '\0';
    host_text(&now, w->root, "%s", strcmp(n->path, REMEDY_SWAPFILE) == 0 ? "/none" : n->path);
    if (strcmp(n->kind, remedy_kinds[STEP_FILE]) == 0)
        ok = undo_file(w, n, buf_view(&now), e);
    else if (strcmp(n->kind, remedy_kinds[STEP_LINE]) == 0)
        ok = undo_line(w, n, buf_view(&now), e);
    else if (running && strcmp(n->kind, remedy_kinds[STEP_VALUE]) == 0)
        ok = undo_value(w, n, buf_view(&now), e);
    else if (running && strcmp(n->kind, remedy_kinds[STEP_SWAP]) == 0) {
        ok = swap_file_off(n->path, e);
        if (ok)
            remedy_say(w, N_("undone"), n->path);
    }
    buf_clear(&now);
    return ok;
}

bool remedy_undo(const char *root, remedy_note_fn *note, void *arg, struct err *e)
{
    struct remedy_work w = {.root = root, .note = note, .arg = arg};
    bool ok = remedy_load_record(&w, e), reload = false;
    if (ok && json_array_size(w.done) == 0)
        remedy_say(&w, N_("nothing was done, so nothing is undone"), REMEDY_RECORD);
    while (ok && json_array_size(w.done)) {
        size_t last = json_array_size(w.done) - 1;
        struct entry n = {0};
        ok = read_entry(json_array_get(w.done, last), &n, e) && undo_entry(&w, &n, e);
        reload = reload || (ok && strcmp(n.path, "systemd") == 0);
        if (ok && json_array_remove(w.done, last) == 0)
            ok = remedy_save_record(&w, e);
    }
    if (ok && reload && root[0] == '\0' && !remedy_reload_systemd())
        ok = fail(e, ERR_IO, "systemctl daemon-reload failed; run it by hand");
    ok = ok && remedy_remove(&w, REMEDY_RECORD, e);
    json_decref(w.done);
    return ok;
}
