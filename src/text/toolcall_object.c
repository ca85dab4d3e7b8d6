/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall_object: calls that are JSON objects with the tool's name inside.
 *
 * The members may come in any order; arguments are passed on while they are written where the name
 * stands before them. Between the markers there may be one object, several, or an array of them.
 * An object without a marker counts as a call only while all its members are those of one. */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "text/toolcall_private.h"

#define MOST_NAME 256u

/* --- around the objects ------------------------------------------------------------------------
 */

/* Also in the code fence of the rows that say so. */
static enum toolcall_look look_end(const struct toolcall *t, struct str s, size_t *n)
{
    const char *end = t->f->end ? toolcall_skip(t->f->end) : "";
    struct str piece = toolcall_piece(end + (*end == ']'));
    if (!piece.n && t->f->flags & TOOLCALL_FENCED)
        piece = STR("```");
    else if (!piece.n && *end == ']' && strstr(end, "%|"))
        piece = toolcall_piece(strstr(end, "%|") + 2);
    *n = piece.n;
    return piece.n ? toolcall_look(t, s, piece) : LOOK_NO;
}

static bool begin_object(struct toolcall *t)
{
    if (t->n_region)
        toolcall_open(t);
    toolcall_take(t, 1);
    t->place = PLACE_KEY;
    t->state = STATE_OBJECT;
    buf_reset(&t->name);
    return true;
}

/* The brackets of the array, and what stands between two objects. */
static bool is_between(struct toolcall *t, char c)
{
    if (c == '[' && !t->in_array && !t->n_region && !t->bare)
        return t->in_array = true;
    if (c == ']' && t->in_array && !t->closed)
        return t->closed = true;
    return (c == ',' || c == ';') && t->n_region && !t->closed;
}

bool toolcall_step_objects(struct toolcall *t)
{
    struct str s = toolcall_skip_blanks(t);
    size_t n = 0;
    if (!s.n)
        return t->over ? toolcall_leave(t) : false;
    bool fence = t->f->flags & TOOLCALL_FENCED && !t->n_region;
    enum toolcall_look look = LOOK_NO;
    if (fence || t->n_region)
        look = fence ? toolcall_look(t, s, STR("```json")) : look_end(t, s, &n);
    if (look == LOOK_WAIT)
        return false;
    if (look == LOOK_YES) {
        toolcall_take(t, fence ? 7 : n);
        t->keep = fence;
        t->state = fence ? STATE_OBJECTS : STATE_GAP;
        return true;
    }
    if (s.p[0] == '{' && !t->closed)
        return begin_object(t);
    if (!is_between(t, s.p[0]))
        return toolcall_leave(t);
    toolcall_take(t, 1);
    return true;
}

/* --- one object --------------------------------------------------------------------------------
 */

static struct str text_of(const json_t *j)
{
    return (struct str){json_string_value(j), json_string_length(j)};
}

/* A JSON text, decoded. */
static bool decode(struct str text, struct buf *out)
{
    struct err ignored;
    json_t *j = json_parse(text, "call", &ignored);
    bool ok = json_is_string(j);
    buf_reset(out);
    if (ok)
        buf_str(out, text_of(j));
    json_decref(j);
    return ok;
}

static bool role_of(struct toolcall *t)
{
    static const struct {
        const char *key;
        enum toolcall_role role;
    } keys[] = {{"name", ROLE_NAME},
                {"tool_name", ROLE_NAME},
                {"function", ROLE_NAME},
                {"arguments", ROLE_ARGUMENTS},
                {"parameters", ROLE_ARGUMENTS},
                {"id", ROLE_ID},
                {"tool_call_id", ROLE_ID},
                {"type", ROLE_OTHER}};
    struct buf key;
    buf_init(&key, MOST_NAME * 8);
    bool ok = decode(buf_view(&t->key), &key), known = false;
    t->role = ROLE_OTHER;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (str_is(buf_view(&key), keys[i].key)) {
            t->role = keys[i].role;
            known = true;
        }
    if (t->f->flags & TOOLCALL_NAME_KEY) {
        t->role = ROLE_ARGUMENTS;
        buf_reset(&t->name);
        buf_str(&t->name, buf_view(&key));
    }
    buf_clear(&key);
    return ok && (known || !t->bare);
}

static bool name_fits(const struct toolcall *t)
{
    return t->name.n && t->name.n <= MOST_NAME &&
           (!t->bare || toolcall_is_known(t, buf_view(&t->name)));
}

/* Arguments that came before the name, or inside a JSON text. */
static bool kept_arguments(struct toolcall *t)
{
    struct buf text;
    buf_init(&text, LIMIT_TOOLCALL_BYTES);
    struct str s = buf_view(&t->text);
    if (decode(s, &text))
        s = buf_view(&text);
    if (!t->has_args || str_is(s, "null"))
        s = STR("{}");
    toolcall_begin(t);
    toolcall_args(t, s);
    buf_clear(&text);
    return true;
}

static bool end_object(struct toolcall *t)
{
    if (!name_fits(t))
        return toolcall_give_back(t);
    if (!t->begun)
        kept_arguments(t);
    if (toolcall_finish(t))
        t->state = STATE_OBJECTS;
    return true;
}

static bool begin_value(struct toolcall *t, char c)
{
    t->scan = (struct json_scan){0};
    t->place = PLACE_IN_VALUE;
    if (t->role == ROLE_ARGUMENTS) {
        if (t->has_args)
            return false;
        t->has_args = true;
        t->streams = c == '{' && name_fits(t);
        if (t->streams)
            return toolcall_begin(t);
    }
    if (t->role != ROLE_ARGUMENTS)
        buf_reset(&t->close);
    return true;
}

/* Where a value's bytes go. Those of a name and an id go where markers of values stand otherwise.
 */
static void put_value(struct toolcall *t, struct str s)
{
    if (t->role == ROLE_ARGUMENTS && t->streams)
        toolcall_args(t, s);
    else if (t->role == ROLE_ARGUMENTS)
        buf_str(&t->text, s);
    else if (t->role != ROLE_OTHER)
        buf_str(&t->close, s);
}

static bool end_value(struct toolcall *t)
{
    struct buf *to = t->role == ROLE_NAME ? &t->name : &t->id;
    t->place = PLACE_COMMA;
    if (t->role != ROLE_NAME && t->role != ROLE_ID)
        return true;
    bool ok = decode(buf_view(&t->close), to);
    if (!ok && t->role == ROLE_ID) { /* a number */
        buf_str(to, buf_view(&t->close));
        ok = to->n <= MOST_NAME;
    }
    return ok && (t->role == ROLE_ID || name_fits(t));
}

static bool step_value(struct toolcall *t, struct str v)
{
    bool done = false, bad = false;
    size_t n = json_scan_run(&t->scan, v, &done, &bad);
    put_value(t, str_sub(v, 0, n));
    toolcall_take(t, n);
    if (bad || (done && !end_value(t)))
        return toolcall_give_back(t);
    return done;
}

static bool step_key(struct toolcall *t, struct str v)
{
    bool done = false, bad = false;
    v = str_sub(v, 0, MOST_NAME + 1 - t->key.n);
    size_t n = json_scan_run(&t->scan, v, &done, &bad);
    buf_str(&t->key, str_sub(v, 0, n));
    toolcall_take(t, n);
    if (bad || t->key.n > MOST_NAME || (done && !role_of(t)))
        return toolcall_give_back(t);
    t->place = done ? PLACE_COLON : PLACE_IN_KEY;
    return done;
}

/* The bytes between keys and values. */
static bool step_mark(struct toolcall *t, char c)
{
    if (t->place == PLACE_VALUE)
        return begin_value(t, c) ? true : toolcall_give_back(t);
    if (t->place == PLACE_KEY && c == '"') {
        t->scan = (struct json_scan){0};
        buf_reset(&t->key);
        t->place = PLACE_IN_KEY;
        return true;
    }
    toolcall_take(t, 1);
    if (t->place == PLACE_COMMA && c == '}')
        return end_object(t);
    if (t->place == PLACE_COMMA && c == ',')
        t->place = PLACE_KEY;
    else if (t->place == PLACE_COLON && c == ':')
        t->place = PLACE_VALUE;
    else
        return toolcall_give_back(t);
    return true;
}

bool toolcall_step_object(struct toolcall *t)
{
    struct str v = toolcall_unread(t);
    if (!v.n && t->over)
        return toolcall_give_back(t);
    if (t->place == PLACE_IN_KEY || t->place == PLACE_IN_VALUE) {
        if (!v.n)
            return false;
        return t->place == PLACE_IN_KEY ? step_key(t, v) : step_value(t, v);
    }
    v = toolcall_skip_blanks(t);
    return v.n ? step_mark(t, v.p[0]) : t->over;
}
