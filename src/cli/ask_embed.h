/* SPDX-License-Identifier: Apache-2.0 */
/* cli/ask_embed: the model that makes vectors of questions and passages for moat ask. A text longer
 * than the model reads at once is embedded by its beginning. */
#ifndef MOAT_CLI_ASK_EMBED_H
#define MOAT_CLI_ASK_EMBED_H

#include "lab/lab.h"
#include "text/pair.h"
#include "work/docs_index.h"

struct ask_embed {
    struct lab lab;
    struct vocab *vocab;
    uint32_t width;   /* of a vector; 0: there is no model */
    char digest[80];  /* which model it is; "" for none */
    uint64_t n_texts; /* embedded so far */
};

/* model NULL: none. */
bool ask_embed_open(struct ask_embed *a, const char *model, uint32_t threads,
                    struct err *e) MUST_USE;
void ask_embed_close(struct ask_embed *a);
/* v [width], of length 1. */
bool ask_embed_text(struct ask_embed *a, struct str text, float *v, struct err *e) MUST_USE;
/* Every passage of the index that has no vector gets one; says how far it is on a terminal. */
bool ask_embed_index(struct ask_embed *a, struct docs_index *ix, struct err *e) MUST_USE;

#endif
