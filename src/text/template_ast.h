/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_ast: the syntax tree of a template, its parser and its name resolution.
 *
 * The tree lives in the template's arena and is never changed after template_parse, so any number
 * of threads may render it. Its height is bounded (TREE_HEIGHT) and so is the nesting that the
 * parser recurses into (LIMIT_TEMPLATE_DEPTH).
 *
 * Names are resolved once, as Jinja's compiler does: a template, a macro, a call block and a
 * recursive loop are `functions` with numbered slots; a name is a slot so many functions up, or a
 * global: a variable of the context that the template itself never sets. */
#ifndef MOAT_TEXT_TEMPLATE_AST_H
#define MOAT_TEXT_TEMPLATE_AST_H

#include "text/template_node.h"

#define TREE_HEIGHT 400u

struct slice_node {
    struct node *on, *part[3];
};
struct keyword {
    struct str name;
    struct node *value;
    struct keyword *next;
};
struct call_node {
    struct node *on;               /* callee or operand; NULL: the text of a filter block */
    struct str name;               /* of a filter or test */
    const struct builtin *builtin; /* of it; NULL: unknown, an error once it is reached */
    struct node *args;
    struct keyword *named;
    struct node *star, *star_star;
    uint32_t n_args, n_named;
};
struct if_node {
    struct node *test, *body; /* test NULL: else */
    struct if_node *next;
};

/* How a slot starts when its scope is entered. */
enum load { LOAD_MISSING, LOAD_FROM };
struct load_slot {
    uint32_t slot;
    enum load load;
    struct ref from;
};
struct scope_node {
    struct load_slot *load;
    uint32_t n_load;
};
struct function {
    struct function *parent;
    uint32_t level, n_slots;
    struct scope_node scope;
};

struct for_node {
    struct node *target, *items, *test, *body, *otherwise;
    bool recursive, uses_loop;
    struct node *test_target; /* the target once more, with the slots that `test` reads */
    struct ref loop;          /* up is 0 */
    struct scope_node body_scope, test_scope, else_scope;
    struct function *function; /* of a recursive loop */
};
struct param {
    struct str name;
    uint32_t slot;
    struct node *absent; /* default value or NULL */
    struct param *next;
};
#define NO_SLOT UINT32_MAX
struct macro_node { /* also the body of a call block */
    struct str name;
    struct ref ref; /* where a macro is stored */
    struct param *params;
    uint32_t n_params;
    struct node *body;
    struct function function;
    uint32_t caller, kwargs, varargs; /* slots, NO_SLOT where not used */
};
struct block_node {
    struct node *call;             /* N_CALL_BLOCK: an N_CALL, NULL for {% generation %} */
    struct macro_node *body_macro; /* N_CALL_BLOCK */
    struct node *target;           /* N_SET_BLOCK; N_WITH: list of targets */
    struct node *values;           /* N_WITH: list, one per target */
    struct node *filter; /* N_FILTER_BLOCK, N_SET_BLOCK; innermost filter has on == NULL */
    struct node *body;
    struct scope_node scope;
};

struct template
{
    struct arena arena;
    struct node *body;
    struct function root;
    struct str *global; /* names of the globals */
    uint32_t n_globals;
};

/* The tree of a normalised source that outlives it. */
bool parse_source(struct template *t, struct str source, struct err *e) MUST_USE;
/* Resolves every name of the tree (template_scope.c). */
bool resolve_names(struct template *t, struct err *e) MUST_USE;

#endif
