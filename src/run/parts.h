/* SPDX-License-Identifier: Apache-2.0 */
/* run/parts: an answer's text taken apart for the line: content, reasoning, calls of tools.
 *
 * text/toolcall reads the syntax; here is decided what a client is told of it, and when. Where a
 * grammar binds the calls they are told as they come: they can only be whole, or cut with the
 * answer. Where none does, a call is told once it is whole, and what is none is content. */
#ifndef MOAT_RUN_PARTS_H
#define MOAT_RUN_PARTS_H

#include "run/job.h"
#include "text/toolcall.h"

struct parts;
typedef void parts_fn(void *arg, enum job_part part, struct str text);

/* Borrows f only. prompt, tools: as toolcall_new takes them. */
struct parts *parts_new(const struct toolcall_format *f, const json_t *tools, struct str prompt,
                        bool bound, struct err *e) MUST_USE;
void parts_free(struct parts *p);
/* What is certain with this piece; then what was kept back, at the end of the answer. */
void parts_push(struct parts *p, struct str piece, parts_fn *on_part, void *arg);
void parts_end(struct parts *p, parts_fn *on_part, void *arg);

#endif
