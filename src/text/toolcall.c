/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall: see toolcall.h: reasoning, content, and where a call begins. */
#include "text/toolcall_private.h"

#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"

#define MOST_BLANKS 256u /* that are kept back before a marker */

/* --- reading -----------------------------------------------------------------------------------
 */

static size_t room(const struct toolcall *t)
{
    return t->keep ? LIMIT_TOOLCALL_BYTES - t->raw.n : SIZE_MAX;
}

struct str toolcall_unread(const struct toolcall *t)
{
    return str_sub(buf_view(&t->in), t->at, room(t));
}

void toolcall_take(struct toolcall *t, size_t n)
{
    if (t->keep)
        buf_str(&t->raw, str_sub(toolcall_unread(t), 0, n));
    t->at += n;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

size_t toolcall_blanks(struct str s)
{
    size_t n = 0;
    while (n < s.n && is_blank(s.p[n]))
        n++;
    return n;
}

struct str toolcall_skip_blanks(struct toolcall *t)
{
    toolcall_take(t, toolcall_blanks(toolcall_unread(t)));
    return toolcall_unread(t);
}

static size_t blanks_at_end(struct str s)
{
    size_t n = 0;
    while (n < s.n && n < MOST_BLANKS && is_blank(s.p[s.n - 1 - n]))
        n++;
    return n;
}

enum toolcall_look toolcall_look(const struct toolcall *t, struct str s, struct str literal)
{
    if (str_starts(s, literal))
        return LOOK_YES;
    return !t->over && str_starts(literal, s) ? LOOK_WAIT : LOOK_NO;
}

size_t toolcall_find(const struct toolcall *t, struct str v, struct str literal, bool *found)
{
    size_t at = 0;
    *found = false;
    for (; at < v.n; at++) {
        if (v.p[at] != literal.p[0])
            continue;
        enum toolcall_look look = toolcall_look(t, str_from(v, at), literal);
        *found = look == LOOK_YES;
        if (look != LOOK_NO)
            break;
    }
    return at;
}

/* --- events ------------------------------------------------------------------------------------
 */

static void flush(struct toolcall *t)
{
    struct toolcall_event ev = {t->out_kind, t->n_calls, buf_view(&t->out), STR("")};
    if (t->out.n)
        t->on_event(t->arg, &ev);
    buf_reset(&t->out);
}

void toolcall_emit(struct toolcall *t, enum toolcall_kind kind, struct str text)
{
    if (!text.n)
        return;
    if (kind != t->out_kind)
        flush(t);
    t->out_kind = kind;
    buf_str(&t->out, text);
}

static void event_now(struct toolcall *t, enum toolcall_kind kind, struct str text, struct str id)
{
    struct toolcall_event ev = {kind, t->n_calls, text, id};
    flush(t);
    t->on_event(t->arg, &ev);
}

bool toolcall_begin(struct toolcall *t)
{
    if (!t->begun)
        event_now(t, TOOLCALL_BEGIN, buf_view(&t->name), buf_view(&t->id));
    t->begun = true;
    return true;
}

void toolcall_args(struct toolcall *t, struct str bytes)
{
    buf_str(&t->args, bytes);
    toolcall_emit(t, TOOLCALL_ARGUMENTS, bytes);
}

void toolcall_args_text(struct toolcall *t, struct str s)
{
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char escape[8];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        toolcall_args(t, str_sub(s, from, i - from));
        const char *at = c ? strchr("\"\"\\\\\nn\tt\rr", c) : NULL;
        struct buf one;
        buf_init(&one, sizeof escape);
        if (at)
            buf_fmt(&one, "\\%c", at[1]);
        else
            buf_fmt(&one, "\\u%04x", c);
        toolcall_args(t, buf_view(&one));
        buf_clear(&one);
        from = i + 1;
    }
    toolcall_args(t, str_from(s, from));
}

static void forget_call(struct toolcall *t)
{
    struct buf *const all[] = {&t->raw, &t->args, &t->name, &t->id, &t->key, &t->text};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_reset(all[i]);
    t->begun = t->has_args = t->streams = false;
    t->scan = (struct json_scan){0};
}

void toolcall_open(struct toolcall *t)
{
    forget_call(t);
    t->keep = true;
}

/* Its text is not looked at again: time stays linear. */
bool toolcall_give_back(struct toolcall *t)
{
    if (t->begun)
        event_now(t, TOOLCALL_BROKEN, buf_view(&t->raw), STR(""));
    else
        toolcall_emit(t, TOOLCALL_CONTENT, buf_view(&t->raw));
    t->malformed = t->malformed || t->raw.n;
    t->keep = t->fresh = false;
    t->state = STATE_CONTENT;
    forget_call(t);
    return true;
}

bool toolcall_leave(struct toolcall *t)
{
    if (!t->n_region)
        return toolcall_give_back(t);
    t->keep = false;
    t->state = STATE_GAP;
    return true;
}

static enum toolcall_look no_arguments(struct toolcall *t)
{
    toolcall_give_back(t);
    return LOOK_NO;
}

enum toolcall_look toolcall_arguments(struct toolcall *t)
{
    struct str v = toolcall_unread(t);
    bool done = false, bad = false;
    if (!t->scan.begun) {
        v = toolcall_skip_blanks(t);
        if (!v.n && !t->over)
            return LOOK_WAIT;
        if (!v.n || v.p[0] != '{')
            return no_arguments(t);
        toolcall_begin(t);
    }
    size_t n = json_scan_run(&t->scan, v, &done, &bad);
    toolcall_args(t, str_sub(v, 0, n));
    toolcall_take(t, n);
    if (bad || (!done && t->over))
        return no_arguments(t);
    return done ? LOOK_YES : LOOK_WAIT;
}

bool toolcall_finish(struct toolcall *t)
{
    toolcall_begin(t);
    json_t *j = toolcall_json(buf_view(&t->args));
    bool ok = json_is_object(j) && !t->args.bad;
    json_decref(j);
    if (!ok) {
        toolcall_give_back(t);
        return false;
    }
    event_now(t, TOOLCALL_END, STR(""), buf_view(&t->id));
    t->n_calls++;
    t->n_region++;
    forget_call(t);
    return true;
}

/* --- tools -------------------------------------------------------------------------------------
 */

static const json_t *find_tool(const json_t *tools, struct str name)
{
    size_t i;
    const json_t *tool;
    json_array_foreach((json_t *)(uintptr_t)tools, i, tool)
    {
        const json_t *f = json_object_get(tool, "function");
        const json_t *n = json_object_get(f ? f : tool, "name");
        if (n && str_eq(name, (struct str){json_string_value(n), json_string_length(n)}))
            return f ? f : tool;
    }
    return NULL;
}

bool toolcall_is_known(const struct toolcall *t, struct str name)
{
    return !json_array_size(t->tools) || find_tool(t->tools, name);
}

const json_t *toolcall_parameters(const json_t *tools, struct str name)
{
    return json_object_get(find_tool(tools, name), "parameters");
}

/* --- reasoning and content ---------------------------------------------------------------------
 */

static bool has_headers(const struct toolcall *t)
{
    return t->f->shape == TOOLCALL_CHANNELS || t->f->flags & TOOLCALL_HEADERS;
}

static bool step_start(struct toolcall *t)
{
    struct str v = toolcall_unread(t);
    size_t n = toolcall_blanks(v);
    if (has_headers(t)) {
        t->state = STATE_HEADER;
        t->fresh = true; /* of the first one */
        return true;
    }
    enum toolcall_look look =
        n > MOST_BLANKS ? LOOK_NO : toolcall_look(t, str_from(v, n), str_of(t->think));
    if (look == LOOK_WAIT)
        return false;
    t->state = look == LOOK_YES ? STATE_REASONING : STATE_CONTENT;
    t->fresh = t->silent = true;
    if (look == LOOK_YES) {
        toolcall_take(t, n + strlen(t->think));
    } else if (t->f->flags & TOOLCALL_FIRST) {
        toolcall_open(t);
        t->n_region = 0;
        t->pattern = strstr(t->f->call, "%)") + 2;
        t->state = STATE_CALL;
    }
    return true;
}

/* The reasoning ends at its own marks only, and content at none of them. */
static bool applies(const struct toolcall *t, const struct toolcall_mark *m)
{
    return (t->state == STATE_REASONING) == (m->kind == MARK_END) ||
           (m->kind == MARK_END && has_headers(t));
}

/* The first mark in v, or where one may begin that is not yet whole. */
static size_t find_mark(const struct toolcall *t, struct str v, const struct toolcall_mark **found)
{
    for (size_t at = 0; at < v.n; at++) {
        if (!t->starts[(unsigned char)v.p[at]])
            continue;
        const struct toolcall_mark *best = NULL;
        for (uint32_t i = 0; i < t->n_mark; i++) {
            const struct toolcall_mark *m = &t->mark[i];
            enum toolcall_look look = toolcall_look(t, str_from(v, at), m->text);
            if (look == LOOK_NO || !applies(t, m))
                continue;
            if (look == LOOK_WAIT)
                return at;
            if (!best || m->text.n > best->text.n)
                best = m;
        }
        if (best) {
            *found = best;
            return at;
        }
    }
    return v.n;
}

static bool step_reasoning(struct toolcall *t)
{
    struct str v = toolcall_unread(t);
    size_t lead = t->silent ? toolcall_blanks(v) : 0;
    toolcall_take(t, lead);
    v = str_from(v, lead);
    const struct toolcall_mark *m = NULL;
    size_t n = find_mark(t, v, &m);
    size_t blanks = t->over && !m ? 0 : blanks_at_end(str_sub(v, 0, n));
    toolcall_emit(t, TOOLCALL_REASONING, str_sub(v, 0, n - blanks));
    t->silent = t->silent && n == blanks;
    toolcall_take(t, n - blanks);
    if (!m)
        return false;
    toolcall_take(t, blanks + m->text.n);
    t->state =
        str_is(m->text, t->unthink) && !(t->f->flags & TOOLCALL_HEADERS) ? STATE_GAP : STATE_HEADER;
    return true;
}

static bool step_gap(struct toolcall *t)
{
    struct str v = toolcall_unread(t);
    size_t n = toolcall_blanks(v);
    toolcall_take(t, n);
    if (n == v.n)
        return false;
    t->state = STATE_CONTENT;
    t->fresh = true;
    return true;
}

static void enter(struct toolcall *t, const struct toolcall_mark *m, size_t blanks)
{
    static const enum toolcall_state states[] = {[TOOLCALL_OBJECTS] = STATE_OBJECTS,
                                                 [TOOLCALL_LITERALS] = STATE_LITERAL,
                                                 [TOOLCALL_PATTERN] = STATE_BETWEEN,
                                                 [TOOLCALL_CHANNELS] = STATE_HEADER,
                                                 [TOOLCALL_NONE] = STATE_CONTENT};
    toolcall_open(t);
    toolcall_take(t, blanks + m->text.n);
    t->n_region = 0;
    t->bare = t->in_array = t->closed = false;
    t->pattern = m->rest;
    t->state = m->kind == MARK_PYTHON ? STATE_PYTHON
               : m->kind == MARK_CALL ? STATE_CALL
                                      : states[t->f->shape];
}

/* A call without a marker: an object right at the beginning. */
static bool enter_bare(struct toolcall *t, struct str v)
{
    size_t n = toolcall_blanks(v);
    bool may = t->f->flags & TOOLCALL_BARE && t->fresh && n <= MOST_BLANKS;
    if (!may || n == v.n || v.p[n] != '{')
        return false;
    toolcall_open(t);
    toolcall_take(t, n);
    t->n_region = 0;
    t->in_array = t->closed = false;
    t->bare = true;
    t->state = STATE_OBJECTS;
    return true;
}

static bool step_content(struct toolcall *t)
{
    struct str v = toolcall_unread(t);
    const struct toolcall_mark *m = NULL;
    if (enter_bare(t, v))
        return true;
    size_t n = find_mark(t, v, &m);
    bool whole = m ? m->kind == MARK_DROP || m->kind == MARK_END : t->over;
    size_t blanks = whole ? 0 : blanks_at_end(str_sub(v, 0, n));
    toolcall_emit(t, TOOLCALL_CONTENT, str_sub(v, 0, n - blanks));
    t->fresh = t->fresh && blanks == n;
    toolcall_take(t, n - blanks);
    if (!m)
        return false;
    if (!whole) {
        enter(t, m, blanks);
        return true;
    }
    toolcall_take(t, m->text.n);
    if (m->kind == MARK_END)
        t->state = STATE_HEADER;
    return true;
}

/* --- code and literals -------------------------------------------------------------------------
 */

static bool begin_code(struct toolcall *t)
{
    buf_reset(&t->name);
    buf_cstr(&t->name, "python");
    t->state = STATE_CODE;
    toolcall_begin(t);
    toolcall_args(t, STR("{\"code\": \""));
    return true;
}

static bool step_python(struct toolcall *t)
{
    struct str v = toolcall_skip_blanks(t);
    if (!v.n)
        return t->over ? toolcall_give_back(t) : false;
    if (v.p[0] != '{')
        return begin_code(t);
    buf_cstr(&t->name, "python");
    t->pattern = "";
    t->state = t->f->shape == TOOLCALL_OBJECTS ? STATE_OBJECTS : STATE_JSON;
    return true;
}

static bool step_code(struct toolcall *t)
{
    struct str v = toolcall_unread(t);
    toolcall_args_text(t, v);
    toolcall_take(t, v.n);
    if (!t->over)
        return false;
    toolcall_args(t, STR("\"}"));
    if (toolcall_finish(t))
        t->state = STATE_GAP;
    t->keep = false;
    return false;
}

static bool add_literal(struct toolcall *t, struct str name, struct str args)
{
    buf_reset(&t->name);
    buf_str(&t->name, name);
    toolcall_begin(t);
    toolcall_args(t, args);
    return toolcall_finish(t);
}

static bool step_literal(struct toolcall *t)
{
    struct str v = toolcall_unread(t), close = toolcall_closing(t->f);
    bool found;
    size_t n = toolcall_find(t, v, close, &found);
    buf_str(&t->text, str_sub(v, 0, n));
    toolcall_take(t, n);
    if (!found && t->over)
        return toolcall_give_back(t);
    if (!found)
        return false;
    toolcall_take(t, close.n);
    struct buf text = t->text; /* calls forget what they are made of */
    buf_init(&t->text, LIMIT_TOOLCALL_BYTES);
    bool ok = toolcall_literals(t, buf_view(&text), add_literal);
    buf_clear(&text);
    if (!ok)
        return toolcall_give_back(t);
    t->keep = false;
    t->state = STATE_GAP;
    return true;
}

/* --- the parser --------------------------------------------------------------------------------
 */

static bool step(struct toolcall *t)
{
    static bool (*const steps[])(struct toolcall *) = {[STATE_START] = step_start,
                                                       [STATE_REASONING] = step_reasoning,
                                                       [STATE_GAP] = step_gap,
                                                       [STATE_CONTENT] = step_content,
                                                       [STATE_HEADER] = toolcall_step_header,
                                                       [STATE_BODY] = toolcall_step_body,
                                                       [STATE_BETWEEN] = toolcall_step_between,
                                                       [STATE_CALL] = toolcall_step_call,
                                                       [STATE_PARAMS] = toolcall_step_params,
                                                       [STATE_PARAM] = toolcall_step_param,
                                                       [STATE_VALUE] = toolcall_step_value,
                                                       [STATE_JSON] = toolcall_step_json,
                                                       [STATE_OBJECTS] = toolcall_step_objects,
                                                       [STATE_OBJECT] = toolcall_step_object,
                                                       [STATE_PYTHON] = step_python,
                                                       [STATE_CODE] = step_code,
                                                       [STATE_LITERAL] = step_literal};
    return steps[t->state](t);
}

/* There is more, but no room to keep it: whatever it is, it is no call. */
static bool is_too_long(struct toolcall *t)
{
    return t->in.n - t->at > room(t) && toolcall_give_back(t);
}

void toolcall_push(struct toolcall *t, struct str piece)
{
    buf_drop_front(&t->in, t->at);
    t->at = 0;
    buf_str(&t->in, piece);
    while (step(t) || is_too_long(t)) {
    }
    flush(t);
}

bool toolcall_end(struct toolcall *t, struct err *e)
{
    t->over = true;
    toolcall_push(t, STR(""));
    return buf_ok(&t->in, "answer", e) && buf_ok(&t->out, "answer", e);
}

bool toolcall_malformed(const struct toolcall *t)
{
    return t->malformed;
}

static void add_mark(struct toolcall *t, struct str text, enum toolcall_mark_kind kind,
                     const char *rest)
{
    must(t->n_mark < TOOLCALL_MARKS);
    if (!text.n)
        return;
    t->mark[t->n_mark++] = (struct toolcall_mark){text, kind, rest};
    t->starts[(unsigned char)text.p[0]] = true;
}

/* `call` may begin in two ways: with what may be left out, or without. */
static void add_call_marks(struct toolcall *t)
{
    const char *call = t->f->call;
    struct str s = toolcall_piece(call);
    if (str_starts(str_of(call), STR("%("))) {
        s = toolcall_piece(call + 2);
        add_mark(t, s, MARK_CALL, call + 2 + s.n);
        call = strstr(call, "%)") + 2;
        s = toolcall_piece(call);
    }
    add_mark(t, s, MARK_CALL, call + s.n);
}

static void add_marks(struct toolcall *t)
{
    const struct toolcall_format *f = t->f;
    static const struct str ends[] = {STR("<|end|>"), STR("<|return|>"), STR("<|call|>"),
                                      STR("<|eom|>"), STR("<|eot|>"),    STR("<|start|>")};
    if (has_headers(t)) {
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
            add_mark(t, ends[i], MARK_END, NULL);
    } else {
        add_mark(t, str_of(t->unthink), MARK_END, NULL);
    }
    if (f->begin) {
        struct str s = toolcall_opening(f);
        add_mark(t, s, MARK_BEGIN, f->begin + s.n);
    }
    if (f->shape == TOOLCALL_PATTERN)
        add_call_marks(t);
    if (f->flags & TOOLCALL_PYTHON)
        add_mark(t, STR("<|python_tag|>"), MARK_PYTHON, "");
    for (size_t i = 0; i < sizeof f->drop / sizeof *f->drop && f->drop[i]; i++)
        add_mark(t, str_of(f->drop[i]), MARK_DROP, NULL);
}

struct toolcall *toolcall_new(const struct toolcall_format *f, const json_t *tools,
                              struct str prompt, toolcall_fn *on_event, void *arg, struct err *e)
{
    struct toolcall *t = mem_new(1, sizeof *t, e);
    if (!t)
        return NULL;
    t->f = f;
    t->tools = json_incref((json_t *)(uintptr_t)tools);
    t->on_event = on_event;
    t->arg = arg;
    t->think = f->think_open ? f->think_open : "<think>";
    t->unthink = f->think_close ? f->think_close : "</think>";
    t->silent = true;
    struct buf *const all[] = {&t->raw, &t->name, &t->id, &t->key, &t->text, &t->close};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_init(all[i], LIMIT_TOOLCALL_BYTES);
    buf_init(&t->args, LIMIT_TOOLCALL_BYTES * 8u); /* characters as escapes take more */
    buf_init(&t->in, LIMIT_TEXT_BYTES);
    buf_init(&t->out, LIMIT_TEXT_BYTES);
    add_marks(t);
    if (str_ends(str_trim(prompt), str_trim(str_of(t->think))))
        t->state = STATE_REASONING;
    return t;
}

void toolcall_free(struct toolcall *t)
{
    if (!t)
        return;
    struct buf *const all[] = {&t->in, &t->out, &t->raw,  &t->args, &t->name,
                               &t->id, &t->key, &t->text, &t->close};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_clear(all[i]);
    json_decref(t->tools);
    mem_free(t);
}
