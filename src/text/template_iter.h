/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_iter: walking over values, and generators. As in Python a generator is walked once
 * and computes an item when it is asked for, so an error in an item nobody takes does no harm. */
#ifndef MOAT_TEXT_TEMPLATE_ITER_H
#define MOAT_TEXT_TEMPLATE_ITER_H

#include "text/template_ast.h"
#include "text/template_value.h"

struct args;
struct env;
struct iter;

enum lazy { LAZY_MAP = 0, LAZY_SELECT = 1, LAZY_REJECT = 2, LAZY_ATTR = 4 };

/* A new walk over v; of a generator, the one it is. */
struct iter *iter_of(struct render *r, struct value v) MUST_USE;
bool iter_next(struct render *r, struct iter *it, struct value *out, bool *more) MUST_USE;
bool iter_lazy(struct render *r, int lazy, struct value src, const struct args *a,
               struct value *out) MUST_USE; /* the generator behind map, select and the like */
/* The generator of what `call` makes of src, a list or dict view, once an item is asked for. */
bool iter_later(struct render *r,
                bool (*call)(struct render *r, struct value self, const struct args *a,
                             struct value *out),
                struct value src, const struct args *bound, struct value *out) MUST_USE;
bool iter_tested(struct render *r, const struct for_node *f, struct value src, struct env *env,
                 struct value *out) MUST_USE; /* the generator of "for x in src if test" */
bool iter_value(struct render *r, struct value list, struct value *out) MUST_USE; /* iter() */
bool to_list(struct render *r, struct value v, struct value *out) MUST_USE;       /* list() */
bool is_iterable(struct value v);

#endif
