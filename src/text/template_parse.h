/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_parse: what the two halves of the parser share: statements (template_parse.c) and
 * expressions (template_expr.c). A function that returns NULL or false has set the error. */
#ifndef MOAT_TEXT_TEMPLATE_PARSE_H
#define MOAT_TEXT_TEMPLATE_PARSE_H

#include "text/template_ast.h"
#include "text/template_lex.h"

#define MAX_KEYWORDS 255u /* keyword arguments of a call, parameters of a macro */

struct parser {
    struct lexer lex;
    struct token cur, ahead;
    struct template *t;
    struct err *e;
    uint32_t depth; /* of recursion, at most LIMIT_TEMPLATE_DEPTH */
    uint32_t loops; /* loops that {% break %} could leave here */
};

/* tokens */
bool advance(struct parser *p) MUST_USE;
bool is_op(const struct parser *p, uint16_t op);
bool is_name(const struct parser *p, const char *name);
bool skip_op(struct parser *p, uint16_t op, bool *skipped) MUST_USE; /* skips it if it is there */
bool skip_name(struct parser *p, const char *name, bool *skipped) MUST_USE;
bool expect_op(struct parser *p, uint16_t op) MUST_USE;
bool expect_name(struct parser *p, const char *name) MUST_USE;
bool any_name(struct parser *p, struct str *name) MUST_USE;
bool unexpected(struct parser *p, const char *wanted);

/* nodes */
struct node *node_new(struct parser *p, enum node_kind kind, uint32_t line) MUST_USE;
void *parse_take(struct parser *p, size_t size) MUST_USE;
bool adopt(struct parser *p, struct node *parent, const struct node *child) MUST_USE;
bool deeper(struct parser *p) MUST_USE; /* pairs with p->depth-- where it returned true */

/* expressions */
enum { TUPLE_SIMPLE = 1, TUPLE_NO_COND = 2, TUPLE_PARENTHESES = 4, TUPLE_NAMESPACE = 8 };
struct node *parse_expression(struct parser *p) MUST_USE;
/* One expression, or several with commas; `end`: a name that ends it, or NULL. */
struct node *parse_tuple(struct parser *p, int how, const char *end) MUST_USE;
struct node *parse_target(struct parser *p, int how, const char *end) MUST_USE;
struct node *parse_filters(struct parser *p, struct node *on, bool inline_name) MUST_USE;

#endif
