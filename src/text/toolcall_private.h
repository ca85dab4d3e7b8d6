/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall_private: the parser's state, and what its files share.
 *
 * A step reads from what is unread, and says whether it got on; it waits only for what may turn out
 * to be a marker, so what is unread stays short. While `keep` is set all that is read is also kept
 * in `raw`, to be given back where it is no call. */
#ifndef MOAT_TEXT_TOOLCALL_PRIVATE_H
#define MOAT_TEXT_TOOLCALL_PRIVATE_H

#include "base/buf.h"
#include "text/toolcall_format.h"

enum toolcall_state {
    STATE_START,     /* reasoning may follow */
    STATE_REASONING, /* until think_close or the end of the message */
    STATE_GAP,       /* blanks that belong to nothing */
    STATE_CONTENT,
    STATE_HEADER,  /* of a message */
    STATE_BODY,    /* of a message that is a call */
    STATE_BETWEEN, /* pattern: before, between and after calls */
    STATE_CALL,
    STATE_PARAMS, /* pattern: a parameter or the end of them */
    STATE_PARAM,
    STATE_VALUE,   /* of a parameter */
    STATE_JSON,    /* arguments as they stand */
    STATE_OBJECTS, /* before, between and after objects */
    STATE_OBJECT,
    STATE_PYTHON, /* after <|python_tag|> */
    STATE_CODE,   /* of the tool "python", to the end */
    STATE_LITERAL,
};

enum toolcall_look { LOOK_NO, LOOK_WAIT, LOOK_YES };

enum toolcall_mark_kind { MARK_BEGIN, MARK_CALL, MARK_PYTHON, MARK_DROP, MARK_END };
struct toolcall_mark {
    struct str text;
    enum toolcall_mark_kind kind;
    const char *rest; /* MARK_CALL: of the pattern */
};

struct json_scan { /* where in a JSON value a text stands; all zero: before it */
    uint32_t depth;
    bool begun, string, escape, scalar;
};

enum toolcall_place { /* in an object that holds a call */
                      PLACE_KEY,
                      PLACE_IN_KEY,
                      PLACE_COLON,
                      PLACE_VALUE,
                      PLACE_IN_VALUE,
                      PLACE_COMMA
};
enum toolcall_role { ROLE_OTHER, ROLE_NAME, ROLE_ID, ROLE_ARGUMENTS };

#define TOOLCALL_MARKS 10

struct toolcall {
    const struct toolcall_format *f;
    json_t *tools;
    toolcall_fn *on_event;
    void *arg;
    struct toolcall_mark mark[TOOLCALL_MARKS]; /* what the content may not pass */
    uint32_t n_mark;
    bool starts[256];            /* bytes that a mark begins with */
    const char *think, *unthink; /* markers of the reasoning */

    enum toolcall_state state;
    struct buf in; /* in[at..] is unread */
    size_t at;
    bool over;      /* nothing follows */
    bool malformed; /* something was given back */
    bool fresh;     /* no content yet: an object may stand here without a marker */
    bool silent;    /* nothing of this reasoning yet: leading blanks are left out */

    struct buf out; /* the event that is being joined */
    enum toolcall_kind out_kind;

    bool keep, begun, bare; /* bare: an object without a marker */
    struct buf raw, args;   /* of the call */
    struct buf name, id, key, text, close;
    uint32_t n_calls, n_region; /* whole ones; since the last begin marker */
    const char *pattern;        /* where in call or param; after a call: what may still follow */
    const char *params;         /* the pattern after %a */
    bool is_text, strip, first; /* of a value: a text; its line breaks are ours; none of it yet */
    bool first_param;
    struct json_scan scan;
    enum toolcall_place place;
    enum toolcall_role role;
    bool has_args, streams, in_array, closed;
};

/* toolcall.c */
struct str toolcall_unread(const struct toolcall *t);
void toolcall_take(struct toolcall *t, size_t n);    /* they are read */
size_t toolcall_blanks(struct str s);                /* at the beginning of s */
struct str toolcall_skip_blanks(struct toolcall *t); /* reads them; what is unread then */
enum toolcall_look toolcall_look(const struct toolcall *t, struct str s, struct str literal);
/* Where the literal stands in v, or may begin at the end of it (v.n: nowhere). */
size_t toolcall_find(const struct toolcall *t, struct str v, struct str literal, bool *found);
void toolcall_emit(struct toolcall *t, enum toolcall_kind kind, struct str text);
bool toolcall_begin(struct toolcall *t);                   /* the call is certain */
void toolcall_args(struct toolcall *t, struct str bytes);  /* a piece of its arguments */
void toolcall_args_text(struct toolcall *t, struct str s); /* as the inside of a JSON text */
bool toolcall_finish(struct toolcall *t);    /* the arguments are all there; false: not valid */
bool toolcall_give_back(struct toolcall *t); /* no call: content. Always true */
bool toolcall_leave(
    struct toolcall *t); /* calls end here; given back where none was. Always true */
/* Arguments that are a JSON object, as they stand: whole, not yet, or given back as no call. */
enum toolcall_look toolcall_arguments(struct toolcall *t);
void toolcall_open(struct toolcall *t); /* a call may begin: keep from here */
bool toolcall_is_known(const struct toolcall *t, struct str name);
const json_t *toolcall_parameters(const json_t *tools, struct str name); /* the schema, or NULL */

/* toolcall_scan.c: the bytes of v that belong to the value; done: it ends there. */
size_t json_scan_run(struct json_scan *s, struct str v, bool *done, bool *bad);
/* Not NULL: the text is a JSON value, and of this kind. Its numbers mean nothing. */
json_t *toolcall_json(struct str text);
void toolcall_value(struct str text, struct buf *out);    /* a value in plain text -> JSON */
bool toolcall_put_text(struct str text, struct buf *out); /* as JSON; false: it is not UTF-8 */
bool toolcall_is_text(const json_t *schema); /* only texts fit: written as they stand */

/* toolcall_literal.c: calls f for each call in the text; false: they are none. */
typedef bool toolcall_literal_fn(struct toolcall *t, struct str name, struct str args);
bool toolcall_literals(struct toolcall *t, struct str text, toolcall_literal_fn *f);
/* One value of Python, or of MiniMax's tags, as JSON; false, and nothing added: it is none. */
bool toolcall_literal(struct str text, struct buf *out);

/* Steps. */
bool toolcall_step_between(struct toolcall *t);
bool toolcall_step_call(struct toolcall *t);
bool toolcall_step_params(struct toolcall *t);
bool toolcall_step_param(struct toolcall *t);
bool toolcall_step_value(struct toolcall *t);
bool toolcall_step_json(struct toolcall *t);
bool toolcall_step_objects(struct toolcall *t);
bool toolcall_step_object(struct toolcall *t);
bool toolcall_step_header(struct toolcall *t);
bool toolcall_step_body(struct toolcall *t);

/* The literal at the beginning of a pattern: up to a line break, a slot or the end. */
struct str toolcall_piece(const char *pattern);
/* The markers of begin and end without the brackets of a list, which is optional. */
struct str toolcall_opening(const struct toolcall_format *f);
struct str toolcall_closing(const struct toolcall_format *f);
const char *toolcall_skip(const char *pattern); /* the pattern without its leading blanks and %| */

#endif
