/* SPDX-License-Identifier: Apache-2.0 */
/* work/docs_chunk: the lines of a document -> passages of about a paragraph or some, cut at
 * headings, else at empty lines, else where they are full. A line that is longer than a passage is
 * one by itself; nothing is left out but what has no letter or digit. */
#ifndef MOAT_WORK_DOCS_CHUNK_H
#define MOAT_WORK_DOCS_CHUNK_H

#include "work/docs_text.h"

#define DOCS_TITLE 256u

struct docs_chunk {
    uint32_t first, last;   /* lines, from 1 */
    char title[DOCS_TITLE]; /* the file's name and the headings above it: "tar(1) > OPTIONS" */
    struct str text;        /* borrowed */
};

typedef bool docs_chunk_fn(void *arg, const struct docs_chunk *c, struct err *e);
/* name: of the file, without its folder. Ends with the first call that fails. */
bool docs_chunks(struct str text, enum docs_kind kind, const char *name, docs_chunk_fn *take,
                 void *arg, struct err *e) MUST_USE;

#endif
