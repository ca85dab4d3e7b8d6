/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_run: one rendering, and what its parts offer each other.
 *
 * Every function that returns false has set the error (oops: a gettext id and its arguments) with
 * the line being rendered. Work is paid for: `spend` takes steps from LIMIT_TEMPLATE_STEPS, one for
 * a node, more where work depends on data, so no template runs long; memory comes from one capped
 * arena; `enter` bounds recursion over syntax and values alike, so no template overflows the stack.
 */
#ifndef MOAT_TEXT_TEMPLATE_RUN_H
#define MOAT_TEXT_TEMPLATE_RUN_H

#include "base/buf.h"
#include "base/mem.h"
#include "text/template_ast.h"
#include "text/template_iter.h"
#include "text/template_text.h"
#include "text/template_value.h"

#define RENDER_MEMORY  (32u << 20) /* bytes of values one rendering may make */
#define RENDER_NESTING 1000u       /* evaluations inside each other: 200-400 bytes of stack each */

struct env { /* the variables of one call of a function (template_ast.h) */
    struct env *parent;
    struct value slot[];
};

struct render {
    const struct template *t;
    const struct tm *now;
    struct arena arena;
    struct buf *out;
    struct err *e;
    struct env *env;
    struct value *globals; /* [t->n_globals] */
    uint64_t steps;        /* left */
    uint32_t line, nesting, calls;
    char *text, *text_end; /* free part of the newest string block */
};

/* Arguments of a call. After binding, v[i] is parameter i or V_MISSING. */
struct args {
    struct value *v;
    uint32_t n;
    struct pair *named; /* key is a V_STR */
    uint32_t n_named;
};

/* A filter, test, global function or method. `params` names the parameters, blank-separated; a
 * leading "/" means that they cannot be given by name; NULL: `call` takes the arguments as they
 * are. The first `required` must be given. */
struct builtin {
    const char *name, *params;
    uint32_t required;
    bool (*call)(struct render *r, struct value self, const struct args *a, struct value *out);
};
#define MAX_PARAMS 8u /* of a builtin */
struct method {
    struct value self;
    const struct builtin *builtin;
};
struct macro {
    const struct macro_node *node;
    struct env *env;
};

/* errors and budget */
#define oops_as(r, code, ...)                                                                      \
    (fail((r)->e, code, __VA_ARGS__), err_at((r)->e, "line %u", (r)->line))
#define oops(r, ...) oops_as(r, ERR_USAGE, __VA_ARGS__)
bool oops_undefined(struct render *r, struct value v); /* what an undefined value says when used */
bool oops_limit(struct render *r);                     /* a text or list is too large */
bool spend(struct render *r, size_t steps) MUST_USE;
bool enter(struct render *r) MUST_USE; /* pairs with leave() where it returned true */
static inline void leave(struct render *r)
{
    r->nesting--;
}
void *take(struct render *r, size_t n, size_t size) MUST_USE; /* zeroed, from the arena */

/* access (template_access.c) */
bool get_attr(struct render *r, struct value on, struct str name, struct value *out) MUST_USE;
bool get_item(struct render *r, struct value on, struct value key, struct value *out) MUST_USE;
/* "a.0.b" as filters read it; an undefined step becomes *absent where that is not NULL. */
bool get_path(struct render *r, struct value on, struct value path, const struct value *absent,
              struct value *out) MUST_USE;
bool get_slice(struct render *r, struct value on, const struct value part[3],
               struct value *out) MUST_USE;
bool contains(struct render *r, struct value in, struct value v, bool *out) MUST_USE;

/* operators (template_ops.c) */
bool do_unary(struct render *r, char op, struct value v, struct value *out) MUST_USE;
bool do_binary(struct render *r, enum binary op, struct value a, struct value b,
               struct value *out) MUST_USE;
bool do_compare(struct render *r, enum compare op, struct value a, struct value b,
                bool *out) MUST_USE;
/* calls (template_call.c) */
bool call_value(struct render *r, struct value f, const struct args *a, struct value *out) MUST_USE;
bool call_builtin(struct render *r, const struct builtin *b, struct value self,
                  const struct args *a, struct value *out) MUST_USE;
bool call_macro(struct render *r, const struct macro *m, const struct args *a,
                struct value *out) MUST_USE;

/* evaluation (template_eval.c, template_exec.c) */
enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };
bool eval(struct render *r, const struct node *n, struct value *out) MUST_USE;
/* `caller`: a further keyword argument, or NULL. */
bool eval_call(struct render *r, const struct node *n, const struct pair *caller,
               struct value *out) MUST_USE;
/* A filter (or test) node; `text` is what the innermost one of a filter block works on. */
bool eval_filter(struct render *r, const struct node *n, const struct value *text,
                 struct value *out) MUST_USE;
bool exec(struct render *r, const struct node *list, enum flow *flow) MUST_USE;
bool assign(struct render *r, const struct node *target, struct value v) MUST_USE;
bool enter_scope(struct render *r, const struct scope_node *s) MUST_USE;
bool capture(struct render *r, const struct node *body, enum flow *flow,
             struct value *out) MUST_USE;
struct env *env_new(struct render *r, const struct function *f, struct env *parent) MUST_USE;

/* sorting (template_sort.c) */
bool sort_by(struct render *r, struct value *items, struct value *keys, uint32_t n,
             bool reverse) MUST_USE; /* stable; sorts keys along */
bool sort_pairs(struct render *r, const struct dict *d, const struct pair **out) MUST_USE;

/* tables; NULL when there is no such name */
const struct builtin *find_filter(struct str name);
const struct builtin *find_test(struct str name);
const struct builtin *find_global(struct str name);
const struct builtin *find_method(enum value_kind on, struct str name);

/* arguments of builtins */
bool arg_int(struct render *r, struct value v, int64_t absent, int64_t *out) MUST_USE;
bool arg_str(struct render *r, struct value v, struct str *out) MUST_USE; /* must be a str */
bool arg_true(struct value v);                                            /* false where missing */

#endif
