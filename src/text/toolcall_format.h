/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall_format: how the families of models write calls and reasoning, one row for each.
 *
 * `begin`, `call`, `param` and `end` are read by the parser and written by the grammar. In them
 * blanks stand for the blanks that models usually write (any or none are read), and %n  the name of
 * the tool       %i  an id              %j  the arguments as a JSON object %a  the parameters, each
 * as `param`: %k its key, %v its value, %t "true" where that is text %l  the arguments in the
 * notation of Python or Gemma: (key='text') or {key:<|"|>text<|"|>}
 *   %( %)  may be left out         %|  the end of a literal: the rest may be left out
 * In `call` of TOOLCALL_OBJECTS the parser finds the object by itself: order and further members of
 * it are free, and it may stand in an array. Of TOOLCALL_LITERALS it reads all between `begin` and
 * `end` by itself, where the brackets of a list may be missing. */
#ifndef MOAT_TEXT_TOOLCALL_FORMAT_H
#define MOAT_TEXT_TOOLCALL_FORMAT_H

#include "text/toolcall.h"

enum toolcall_shape {
    TOOLCALL_NONE,
    TOOLCALL_OBJECTS,  /* {"name": .., "arguments": {..}} between markers */
    TOOLCALL_PATTERN,  /* name and arguments, each behind a marker */
    TOOLCALL_CHANNELS, /* messages with a header that says to whom: harmony */
    TOOLCALL_LITERALS, /* one call or a list of them in the notation of another language */
};

enum toolcall_flags {
    TOOLCALL_BARE = 1,     /* an answer may begin with the object itself */
    TOOLCALL_NAME_KEY = 2, /* {NAME: {..}} */
    TOOLCALL_ID_NAME = 4,  /* the id is functions.NAME:NUMBER */
    TOOLCALL_FIRST = 8,    /* an answer begins with its recipient: a tool or "all" */
    TOOLCALL_PYTHON = 16,  /* <|python_tag|> begins calls, or code for the tool "python" */
    TOOLCALL_FENCED = 32,  /* the objects may stand in ```json */
    TOOLCALL_HEADERS = 64, /* messages have a header, from <|start|> to <|message|> */
    TOOLCALL_ONE = 128,    /* the syntax has no second call */
    TOOLCALL_GEMMA = 256,  /* %l is Gemma's, otherwise Python's */
};

struct toolcall_format {
    const char *name;
    const char *in_template[2]; /* both stand in the template; NULL: no more */
    enum toolcall_shape shape;
    unsigned flags;
    const char *begin, *end; /* markers around all calls, the end may be missing; NULL: none */
    const char *call, *param;
    uint32_t id_min, id_max;              /* characters of an id that is written freely */
    const char *between;                  /* two calls; NULL: nothing */
    const char *think_open, *think_close; /* NULL: <think> and </think> */
    const char *drop[4];                  /* markers in the content that mean nothing there */
};

#endif
