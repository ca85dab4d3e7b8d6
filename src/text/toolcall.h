/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall: what a model wrote -> content, reasoning and calls of tools, while it is written.
 *
 * Every family of models has a syntax of its own for calls; which one it is stands in the text of
 * the chat template (toolcall_format.c has the table). The parser takes the answer in pieces of any
 * size and gives events; how the answer was cut never changes what the events say when those of one
 * kind that follow each other are joined. Markers are never given out as text, nor is a part of one
 * that is cut at the end of a piece. Time is linear, memory is bounded by LIMIT_TOOLCALL_BYTES.
 *
 * What looks like a call and is none comes back as content, byte for byte: before the name is
 * known without a trace, afterwards as TOOLCALL_BROKEN, which takes the call back. A call is whole
 * only when its arguments are a JSON object; its values are not checked against the tool's schema.
 *
 * How a server answers one request:
 *   chat_render(chat, messages, tools, ...)          the prompt; tools as in the request
 *   toolcall_grammar(format, tools, &choice, ...)    settings.grammar, where tools may be called
 *   settings.special = true                          markers are special tokens: parse their texts
 *   toolcall_new(format, tools, prompt, on_event)    one for each answer
 *   generate(..., on_text) -> toolcall_push          events -> deltas of the response
 *   toolcall_end                                     after the last piece, also of a cut answer */
#ifndef MOAT_TEXT_TOOLCALL_H
#define MOAT_TEXT_TOOLCALL_H

#include <jansson.h>

#include "base/buf.h"
#include "text/grammar.h"

struct toolcall_format;

/* The syntax that a template's text names; never NULL: where it names none, what comes is content
 * and <think> reasoning only. */
const struct toolcall_format *toolcall_detect(struct str template_source);
const char *toolcall_format_name(const struct toolcall_format *f);       /* "hermes", "none", ... */
const struct toolcall_format *toolcall_format_by_name(const char *name); /* NULL: none of them */
const struct toolcall_format *toolcall_format_at(size_t i);              /* all; NULL after them */
bool toolcall_has_calls(const struct toolcall_format *f);
/* Its reasoning is between <think> and </think>, which templates take out of a message again. */
bool toolcall_reads_think(const struct toolcall_format *f);

enum toolcall_kind {
    TOOLCALL_CONTENT,   /* text */
    TOOLCALL_REASONING, /* text */
    TOOLCALL_BEGIN,     /* text: the tool's name; id, where the model wrote one before it */
    TOOLCALL_ARGUMENTS, /* text: a piece of the JSON object */
    TOOLCALL_END,       /* the call is whole; id, where the model wrote one at all */
    TOOLCALL_BROKEN,    /* the call is none; text: all that was written for it */
};

struct toolcall_event {
    enum toolcall_kind kind;
    uint32_t index; /* of the call, from 0; a broken one's is used again */
    struct str text, id;
};
typedef void toolcall_fn(void *arg, const struct toolcall_event *ev);

struct toolcall;

/* tools: the request's array (of {"type": "function", "function": {...}}) or NULL: tells which
 * parameters are texts where the syntax does not, and which names are tools where a call has no
 * marker. prompt: its end says whether the reasoning has begun there. Borrows format only. */
struct toolcall *toolcall_new(const struct toolcall_format *f, const json_t *tools,
                              struct str prompt, toolcall_fn *on_event, void *arg,
                              struct err *e) MUST_USE;
void toolcall_free(struct toolcall *t);
/* Calls on_event for what is certain by now. */
void toolcall_push(struct toolcall *t, struct str piece);
/* The answer is over: gives out what was kept back. False only for want of memory. */
bool toolcall_end(struct toolcall *t, struct err *e) MUST_USE;
/* Something that looked like a call was given back as content. */
bool toolcall_malformed(const struct toolcall *t);

/* --- constrained decoding ----------------------------------------------------------------------
 */

enum toolcall_must {
    TOOLCALL_AUTO, /* text of any kind; bound once it begins a call */
    TOOLCALL_REQUIRED,
};
struct toolcall_choice {
    enum toolcall_must must;
    const char *only; /* with TOOLCALL_REQUIRED: this tool; NULL: any */
    bool parallel;    /* more than one call may be made */
};

/* Checks the request's tools: an array of functions with names that every syntax can write, each
 * name once. */
bool toolcall_check_tools(const json_t *tools, struct err *e) MUST_USE;

/* The grammar of an answer to `prompt`: reasoning first, if the model has any, then by `choice`.
 * find_token gives the id of a marker that is a token without text of its own (NULL: none is, as in
 * tests). Arguments are what the tool's schema allows; where a schema cannot be kept
 * (docs/SCHEMA.md says what can) a tool with "strict": true is refused, another's arguments are any
 * JSON object of its named parameters, and a sentence about it is added to `notes`. */
struct grammar *toolcall_grammar(const struct toolcall_format *f, const json_t *tools,
                                 const struct toolcall_choice *choice, struct str prompt,
                                 grammar_token_fn *find_token, const void *arg, struct buf *notes,
                                 struct err *e) MUST_USE;

#endif
