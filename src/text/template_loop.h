/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_loop: {% for %}, its variable `loop`, and recursive loops. */
#ifndef MOAT_TEXT_TEMPLATE_LOOP_H
#define MOAT_TEXT_TEMPLATE_LOOP_H

#include "text/template_run.h"

/* Runs f over items in env, where the loop stands; parent: the loop that calls itself, or NULL. */
bool run_loop(struct render *r, struct loop *parent, const struct for_node *f, struct env *env,
              struct value items, enum flow *flow) MUST_USE;

/* loop.name, loop.cycle(...), loop.changed(...), str(loop) and, in a recursive loop, loop(items) */
bool loop_attr(struct render *r, struct loop *l, struct str name, struct value *out, bool *found);
bool loop_cycle(struct render *r, struct value self, const struct args *a, struct value *out);
bool loop_changed(struct render *r, struct value self, const struct args *a, struct value *out);
bool loop_repr(struct render *r, struct loop *l, struct buf *out) MUST_USE;
bool loop_call(struct render *r, struct loop *l, const struct args *a, struct value *out) MUST_USE;

#endif
