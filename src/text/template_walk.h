/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_walk: every name of a part of the tree, in Jinja's order of visiting. */
#ifndef MOAT_TEXT_TEMPLATE_WALK_H
#define MOAT_TEXT_TEMPLATE_WALK_H

#include "text/template_ast.h"

enum name_use { NAME_LOAD, NAME_STORE, NAME_PARAM };
struct walker {
    void (*name)(void *arg, struct str name, enum name_use use);
    void *arg;
};
void walk_expression(const struct walker *w, const struct node *n);
void walk_target(const struct walker *w, const struct node *n, enum name_use use);
void walk_statements(const struct walker *w, const struct node *list);

#endif
