/* SPDX-License-Identifier: Apache-2.0 */
/* text/toolcall_emit: the parts of which a grammar of calls is made. All return a node, 0 where the
 * grammar has failed; what follows a part is made before it. */
#ifndef MOAT_TEXT_TOOLCALL_EMIT_H
#define MOAT_TEXT_TOOLCALL_EMIT_H

#include "text/schema_private.h"
#include "text/toolcall_format.h"

struct toolcall_emit {
    struct grammar *g;
    const struct toolcall_format *f;
    grammar_token_fn *find_token; /* or NULL */
    const void *arg;
    uint32_t character, blanks; /* rules; 0: not made yet */
};

/* A marker: a token where it is one without text, else its bytes. */
uint32_t toolcall_emit_marker(struct toolcall_emit *m, struct str text, uint32_t next);
/* Up to 8 blanks or line breaks. */
uint32_t toolcall_emit_blanks(struct toolcall_emit *m, uint32_t next);
uint32_t toolcall_emit_id(struct toolcall_emit *m, uint32_t next);

#define TOOLCALL_STOPS 8
/* A text that holds none of the `stop` markers, then `next` (0: nothing may follow). Markers of
 * `drop` may stand in it. dfa: what the text may be; NULL: anything. */
struct toolcall_text {
    struct str stop[TOOLCALL_STOPS];
    uint32_t n_stop;
    const char *const *drop; /* [4], NULL after the last; or NULL */
    const struct dfa *dfa;
    uint32_t next;
    bool not_call; /* it does not begin with {"name" */
};
uint32_t toolcall_emit_text(struct toolcall_emit *m, const struct toolcall_text *x);

/* toolcall_arguments.c: the arguments of a tool's function in the row's syntax, then next. What its
 * schema asks for and the syntax cannot keep is said in `notes`, or refused where it is strict. */
uint32_t toolcall_emit_arguments(struct toolcall_emit *m, const json_t *f, uint32_t next,
                                 struct buf *notes, struct err *e);
struct str toolcall_name(const json_t *f); /* of a tool's function */

#endif
