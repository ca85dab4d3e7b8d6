/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_node: one node of a template's syntax tree (template_ast.h): an expression, a
 * target or a statement. */
#ifndef MOAT_TEXT_TEMPLATE_NODE_H
#define MOAT_TEXT_TEMPLATE_NODE_H

#include "base/mem.h"
#include "text/template_value.h"

enum node_kind {
    /* expressions */
    N_CONST,
    N_NAME,
    N_TUPLE,
    N_LIST,
    N_DICT,
    N_ATTR,
    N_ITEM,
    N_SLICE,
    N_CALL,
    N_FILTER,
    N_TEST,
    N_UNARY,
    N_BINARY,
    N_AND,
    N_OR,
    N_NOT,
    N_COMPARE,
    N_CONCAT,
    N_COND,
    /* targets of an assignment, beside N_NAME and N_TUPLE */
    N_NSREF,
    /* statements */
    N_TEXT,
    N_PRINT,
    N_IF,
    N_FOR,
    N_SET,
    N_SET_BLOCK,
    N_MACRO,
    N_CALL_BLOCK,
    N_FILTER_BLOCK,
    N_WITH,
    N_BREAK,
    N_CONTINUE
};
enum binary { B_ADD, B_SUB, B_MUL, B_DIV, B_FLOORDIV, B_MOD, B_POW };
enum compare { C_EQ, C_NE, C_LT, C_LE, C_GT, C_GE, C_IN, C_NOT_IN };

#define REF_GLOBAL UINT32_MAX
struct ref {
    uint32_t up, slot; /* functions up, slot there; up == REF_GLOBAL: slot in render.globals */
};

struct node {
    uint8_t kind, op; /* op: enum binary, enum compare, '-' or '+' */
    uint16_t height;
    uint32_t line;
    struct node *next; /* the next of a list */
    union {
        struct value value; /* N_CONST, N_TEXT */
        struct {            /* N_NAME; N_ATTR and N_NSREF: name of the attribute */
            struct str name;
            union {
                struct ref ref;  /* N_NAME */
                struct node *on; /* N_ATTR; N_NSREF: an N_NAME */
            };
        };
        struct { /* N_TUPLE, N_LIST, N_CONCAT, N_COMPARE; N_DICT: key, value, key, ... */
            struct node *first;
            uint32_t n;
        };
        struct { /* operators; N_ITEM: a[b]; N_COND: a if b else c; N_PRINT, N_SET: a = b */
            struct node *a, *b, *c;
        };
        struct call_node *call; /* N_CALL, N_FILTER, N_TEST */
        struct slice_node *slice;
        struct if_node *branch;
        struct for_node *loop;
        struct macro_node *macro; /* N_MACRO */
        struct block_node *block; /* N_CALL_BLOCK, N_FILTER_BLOCK, N_SET_BLOCK, N_WITH */
    };
};

#endif
