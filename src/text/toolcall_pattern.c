/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall_pattern: calls whose name and arguments stand behind markers of their own.
 *
 * Walks `call` and `param` of the format's row along what the model writes. Blanks are free before
 * every marker and slot, but a parameter's value is taken as it stands. What follows the arguments
 * may be missing. */
#include <string.h>

#include "base/limits.h"
#include "text/toolcall_private.h"

#define MOST_NAME 256u /* bytes of a name, an id, a key */

struct str toolcall_piece(const char *pattern)
{
    return (struct str){pattern, strcspn(pattern, "\n%")};
}

struct str toolcall_opening(const struct toolcall_format *f)
{
    struct str s = toolcall_piece(f->begin);
    bool list = f->shape == TOOLCALL_OBJECTS || f->shape == TOOLCALL_LITERALS;
    s.n -= list && str_ends(s, STR("["));
    return s;
}

struct str toolcall_closing(const struct toolcall_format *f)
{
    struct str s = toolcall_piece(f->end);
    return str_from(s, str_starts(s, STR("]")));
}

static bool is_at(const char *pattern, const char *word)
{
    return strncmp(pattern, word, strlen(word)) == 0;
}

const char *toolcall_skip(const char *p)
{
    for (;;) {
        if (*p == '\n')
            p += strspn(p, "\n ");
        else if (is_at(p, "%|") || is_at(p, "%)"))
            p += 2;
        else
            return p;
    }
}

/* --- between calls -----------------------------------------------------------------------------
 */

/* What one of the places where a call may begin says, or what may still follow the last one. */
static enum toolcall_look try_begin(struct toolcall *t, struct str s, const char *pattern)
{
    struct str piece = toolcall_piece(pattern);
    enum toolcall_look look = piece.n ? toolcall_look(t, s, piece) : LOOK_NO;
    if (look != LOOK_YES)
        return look;
    if (t->n_region)
        toolcall_open(t);
    toolcall_take(t, piece.n);
    t->pattern = pattern + piece.n;
    t->state = STATE_CALL;
    return look;
}

static enum toolcall_look try_drop(struct toolcall *t, struct str s, struct str piece)
{
    enum toolcall_look look = piece.n ? toolcall_look(t, s, piece) : LOOK_NO;
    if (look == LOOK_YES)
        toolcall_take(t, piece.n);
    return look;
}

static enum toolcall_look try_rest(struct toolcall *t, struct str s)
{
    struct str piece = toolcall_piece(t->pattern);
    enum toolcall_look look = try_drop(t, s, piece);
    if (look != LOOK_WAIT)
        t->pattern += piece.n;
    return look == LOOK_NO ? LOOK_YES : look; /* either way it is behind us */
}

bool toolcall_step_between(struct toolcall *t)
{
    struct str s = toolcall_skip_blanks(t);
    const char *call = t->f->call, *other = is_at(call, "%(") ? call + 2 : NULL;
    t->pattern = toolcall_skip(t->pattern);
    if (other)
        call = strstr(call, "%)") + 2;
    if (!s.n)
        return t->over ? toolcall_leave(t) : false;
    if (*t->pattern)
        return try_rest(t, s) == LOOK_YES;
    enum toolcall_look look = try_begin(t, s, call);
    if (look == LOOK_NO && other)
        look = try_begin(t, s, other);
    if (look == LOOK_NO && t->f->end)
        look = try_drop(t, s, toolcall_piece(t->f->end));
    if (look == LOOK_NO && t->f->begin)
        look = try_drop(t, s, toolcall_piece(t->f->begin));
    return look == LOOK_NO ? toolcall_leave(t) : look == LOOK_YES;
}

/* --- slots -------------------------------------------------------------------------------------
 */

static bool ends_name(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '<' || c == '[' || c == '{' ||
           c == '"' || c == '>';
}

/* Reads up to a byte that ends it. True: it is whole; otherwise *wait says whether more may come.
 */
static bool read_slot(struct toolcall *t, struct buf *out, char end, bool *wait)
{
    struct str v = str_sub(toolcall_unread(t), 0, MOST_NAME + 1 - out->n);
    size_t n = 0;
    while (n < v.n && (end ? v.p[n] != end : !ends_name(v.p[n])))
        n++;
    *wait = n == v.n && !t->over && out->n + n <= MOST_NAME;
    buf_str(out, str_sub(v, 0, n));
    toolcall_take(t, n);
    return n < v.n && out->n && out->n <= MOST_NAME;
}

/* functions.NAME:NUMBER */
static void name_from_id(struct toolcall *t)
{
    struct str id = buf_view(&t->id);
    if (str_starts(id, STR("functions.")))
        id = str_from(id, 10);
    size_t n = id.n;
    while (n && id.p[n - 1] >= '0' && id.p[n - 1] <= '9')
        n--;
    if (n > 1 && n < id.n && id.p[n - 1] == ':')
        id.n = n - 1;
    buf_reset(&t->name);
    buf_str(&t->name, id);
}

static bool name_fits(struct toolcall *t)
{
    if (!(t->f->flags & TOOLCALL_FIRST) || toolcall_is_known(t, buf_view(&t->name)))
        return true;
    if (!str_is(buf_view(&t->name), "all"))
        return false;
    t->keep = false;
    t->state = STATE_GAP;
    return true;
}

static bool slot(struct toolcall *t, struct buf *out, bool is_name)
{
    bool wait;
    if (!out->n)
        toolcall_skip_blanks(t);
    if (!read_slot(t, out, 0, &wait))
        return wait ? false : toolcall_give_back(t);
    t->pattern += 2;
    if (t->f->flags & TOOLCALL_ID_NAME)
        name_from_id(t);
    return !is_name || name_fits(t) ? true : toolcall_give_back(t);
}

/* What may be left out is there when its marker is. */
static bool step_group(struct toolcall *t)
{
    struct str s = toolcall_skip_blanks(t);
    enum toolcall_look look = toolcall_look(t, s, toolcall_piece(t->pattern + 2));
    if (look == LOOK_WAIT)
        return false;
    t->pattern = look == LOOK_YES ? t->pattern + 2 : strstr(t->pattern, "%)") + 2;
    return true;
}

static bool step_literal(struct toolcall *t)
{
    struct str s = toolcall_skip_blanks(t);
    struct str piece = toolcall_piece(t->pattern);
    enum toolcall_look look = toolcall_look(t, s, piece);
    if (look == LOOK_WAIT)
        return false;
    if (look == LOOK_NO)
        return toolcall_give_back(t);
    toolcall_take(t, piece.n);
    t->pattern += piece.n;
    return true;
}

bool toolcall_step_call(struct toolcall *t)
{
    const char *p = t->pattern = toolcall_skip(t->pattern);
    if (is_at(p, "%("))
        return step_group(t);
    if (is_at(p, "%n"))
        return slot(t, &t->name, true);
    if (is_at(p, "%i"))
        return slot(t, &t->id, false);
    if (is_at(p, "%j")) {
        t->pattern += 2;
        t->state = STATE_JSON;
        return true;
    }
    if (is_at(p, "%a")) {
        t->params = toolcall_skip(p + 2);
        t->first_param = true;
        t->state = STATE_PARAMS;
        return true;
    }
    return step_literal(t);
}

/* --- arguments as JSON -------------------------------------------------------------------------
 */

bool toolcall_step_json(struct toolcall *t)
{
    enum toolcall_look whole = toolcall_arguments(t);
    if (whole != LOOK_YES)
        return whole == LOOK_NO;
    if (toolcall_finish(t))
        t->state = STATE_BETWEEN;
    return true;
}

/* --- parameters --------------------------------------------------------------------------------
 */

static bool end_params(struct toolcall *t)
{
    toolcall_begin(t);
    toolcall_args(t, t->first_param ? STR("{}") : STR("}"));
    if (toolcall_finish(t)) {
        t->pattern = t->params + toolcall_piece(t->params).n;
        t->state = STATE_BETWEEN;
    }
    return true;
}

bool toolcall_step_params(struct toolcall *t)
{
    struct str s = toolcall_skip_blanks(t);
    struct str end = toolcall_piece(t->params), open = toolcall_piece(t->f->param);
    enum toolcall_look look = toolcall_look(t, s, end);
    if (look == LOOK_YES) {
        toolcall_take(t, end.n);
        return end_params(t);
    }
    if (look == LOOK_NO)
        look = toolcall_look(t, s, open);
    if (look == LOOK_WAIT)
        return false;
    if (look == LOOK_NO)
        return toolcall_give_back(t);
    toolcall_take(t, open.n);
    toolcall_begin(t);
    buf_reset(&t->key);
    buf_reset(&t->text);
    t->pattern = t->f->param + open.n;
    t->state = STATE_PARAM;
    return true;
}

/* The marker behind a value; in one syntax it holds the key. */
static void make_close(struct toolcall *t, const char *p)
{
    buf_reset(&t->close);
    for (; *p && *p != '\n'; p++) {
        if (is_at(p, "%k")) {
            buf_str(&t->close, buf_view(&t->key));
            p++;
        } else {
            buf_byte(&t->close, *p);
        }
    }
}

static const json_t *schema_of_key(const struct toolcall *t)
{
    const json_t *all = toolcall_parameters(t->tools, buf_view(&t->name));
    return json_object_getn(json_object_get(all, "properties"), buf_c(&t->key), t->key.n);
}

static void begin_value(struct toolcall *t)
{
    const char *p = t->pattern + 2; /* after %v */
    t->strip = *p == '\n';
    make_close(t, p + t->strip);
    t->first = true;
    if (!strstr(t->f->param, "%t"))
        t->is_text = toolcall_is_text(schema_of_key(t));
    toolcall_args(t, t->first_param ? STR("{\"") : STR(", \""));
    toolcall_args_text(t, buf_view(&t->key));
    toolcall_args(t, t->is_text ? STR("\": \"") : STR("\": "));
    t->first_param = false;
    t->state = STATE_VALUE;
}

bool toolcall_step_param(struct toolcall *t)
{
    const char *p = t->pattern;
    bool wait = false, key = is_at(p, "%k");
    struct buf *out = key ? &t->key : &t->text;
    if (is_at(p, "%v") || (*p == '\n' && is_at(p + 1, "%v"))) {
        t->pattern += *p == '\n';
        begin_value(t);
        return true;
    }
    t->pattern = p = toolcall_skip(p);
    if (!key && !is_at(p, "%t"))
        return step_literal(t);
    if (!read_slot(t, out, p[2], &wait))
        return wait ? false : toolcall_give_back(t);
    if (!key) {
        t->is_text = str_is(buf_view(&t->text), "true");
        buf_reset(&t->text);
    }
    t->pattern += 2;
    return true;
}

static void put_value(struct toolcall *t, struct str s)
{
    if (t->is_text)
        toolcall_args_text(t, s);
    else
        buf_str(&t->text, s);
}

static void end_value(struct toolcall *t)
{
    struct buf json;
    buf_init(&json, LIMIT_TOOLCALL_BYTES);
    if (t->is_text) {
        toolcall_args(t, STR("\""));
    } else {
        toolcall_value(buf_view(&t->text), &json);
        toolcall_args(t, buf_view(&json));
    }
    buf_clear(&json);
    t->pattern = "";
    t->state = STATE_PARAMS;
}

bool toolcall_step_value(struct toolcall *t)
{
    struct str v = toolcall_unread(t);
    bool found;
    if (t->first && t->strip && !v.n && !t->over)
        return false;
    if (t->first && t->strip && v.n && v.p[0] == '\n') {
        toolcall_take(t, 1);
        v = str_from(v, 1);
        t->first = false;
    }
    if (v.n)
        t->first = false;
    size_t n = toolcall_find(t, v, buf_view(&t->close), &found);
    size_t line = t->strip && n && v.p[n - 1] == '\n'; /* the last one is not the value's */
    put_value(t, str_sub(v, 0, n - line));
    toolcall_take(t, n - line);
    if (!found && t->over)
        return toolcall_give_back(t);
    if (!found)
        return false;
    toolcall_take(t, line + t->close.n);
    end_value(t);
    return true;
}
