/* SPDX-License-Identifier: Apache-2.0 */
/* work/docs_text: a document as it lies there -> lines of plain text, as many as its file has, so
 * that a line of one is the line of the other.
 *
 * Takes text, Markdown, source code and manual pages (roff with the man or mdoc macros), compressed
 * or not. Headings come out as in Markdown ("## NAME"). Refuses what is no text. */
#ifndef MOAT_WORK_DOCS_TEXT_H
#define MOAT_WORK_DOCS_TEXT_H

#include "base/buf.h"

enum docs_kind { DOCS_PLAIN, DOCS_MARKDOWN, DOCS_ROFF };

/* name: of the file, whose ending may say what it is. out: empty, with its maximum; ERR_LIMIT where
 * that is too small. ERR_UNSUPPORTED: it is no text. */
bool docs_text(struct str raw, const char *name, struct buf *out, enum docs_kind *kind,
               struct err *e) MUST_USE;

/* The roff part by itself. */
void docs_roff(struct str in, struct buf *out);

#endif
