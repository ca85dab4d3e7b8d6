/* SPDX-License-Identifier: Apache-2.0 */
/* text/schema_private: a JSON Schema between reading and being a grammar.
 *
 * A schema is understood type by type: a shape is the values it allows, of each JSON type. Texts
 * and numbers are sets, so intersections, unions and complements of them are exact. Arrays and
 * objects are a union of sides, each a list of demands (atoms) that hold together; what they demand
 * of their members stays unevaluated, as elements: a schema, a value, or the opposite of one. A
 * grammar rule stands for a set of elements that must hold at once: so allOf, $ref and overlapping
 * keywords merge, and recursion ends. */
#ifndef MOAT_TEXT_SCHEMA_PRIVATE_H
#define MOAT_TEXT_SCHEMA_PRIVATE_H

#include "base/json.h"
#include "base/map.h"
#include "text/dfa.h"
#include "text/grammar_code.h"

#define SCHEMA_NO_BOUND UINT32_MAX
enum schema_kind { SCHEMA_IS = 0, SCHEMA_VALUE = 1, SCHEMA_NOT = 2 }; /* bits */

struct schema_element {
    const json_t *node;
    unsigned kind; /* SCHEMA_VALUE: node is the value itself; SCHEMA_NOT: the opposite */
};

enum schema_atom_kind {
    ATOM_MEMBERS,  /* a properties, b patternProperties, c additionalProperties; each may be NULL */
    ATOM_KEY,      /* the member `key`, if it is there, is `element` */
    ATOM_REQUIRED, /* `key` is there */
    ATOM_NEEDS,    /* where `key` is there, so are the keys in a */
    ATOM_NAMES,    /* keys are texts of the schema a */
    ATOM_ITEMS,    /* a prefixItems, b items; each may be NULL */
    ATOM_VALUE,    /* exactly a */
};

struct schema_atom {
    enum schema_atom_kind kind;
    const json_t *a, *b, *c;
    const char *key;
    struct schema_element element;
    const struct schema_atom *next;
};

struct schema_side { /* immutable once made; lists share their tails */
    const struct schema_atom *atoms;
    uint32_t min, max; /* members */
    const struct schema_side *next;
};

enum schema_some { SOME_NONE, SOME_ALL, SOME_SET };

struct schema_set { /* of texts or numbers */
    enum schema_some some;
    const struct dfa *dfa; /* SOME_SET; NULL: texts of min to max characters */
    uint32_t min, max;
};

struct schema_shape {
    bool null, yes, no; /* null, true, false */
    struct schema_set numbers, texts;
    const struct schema_side *arrays, *objects; /* NULL: none */
};

struct schema_wanted {        /* elements that hold at once, and their rule */
    struct schema_element *v; /* sorted */
    uint32_t n, rule;
};

struct schema_memo {
    struct schema_shape *shape; /* NULL: being read, or not yet */
    bool reading;
};

struct schema_notation; /* how values are written: text/schema_emit.h */

struct schema {
    json_t *root;
    const struct schema_options *o;
    const struct schema_notation *write;
    void *write_for; /* what the notation's functions need */
    struct arena arena;
    struct grammar *g;
    struct map shapes; /* memory of schema_of_element, by node and kind */
    struct schema_memo *shape;
    size_t n_shape, shape_cap;
    struct map patterns; /* pattern -> dfa */
    const struct dfa **pattern;
    size_t n_pattern, pattern_cap;
    struct map rules; /* elements -> wanted */
    struct schema_wanted *wanted;
    size_t n_wanted, wanted_cap;
    struct map char_rules;                              /* sets of characters -> rule */
    uint32_t blank, any_text, any_number, character[2]; /* rules, 0: not made yet */
    unsigned char quote;                                /* around the text being written: " or ' */
    uint32_t depth;
    bool circular;    /* the failure is a schema that needs itself to be read */
    uint32_t n_atoms; /* a budget */
    uint64_t deadline_ns;
    struct err *e;
};

/* schema.c */
const char *schema_where(struct schema *s, const json_t *node);
bool schema_bad(struct schema *s, const json_t *node, const char *keyword, const char *must);
bool schema_refuse(struct schema *s, const json_t *node, const char *keyword);
bool schema_in_time(struct schema *s);
const struct dfa *schema_pattern(struct schema *s, const char *pattern);

/* A schema inside a grammar being made: f asks for rules. A failure leaves parts of them there. */
bool schema_into(struct grammar *g, json_t *root, bool (*f)(struct schema *s, void *arg), void *arg,
                 struct err *e) MUST_USE;
bool schema_read(struct schema *s, const json_t *node, struct schema_shape *out);
/* schema_element.c: what elements allow; NULL on failure. */
const struct schema_shape *schema_of_element(struct schema *s, struct schema_element x);
const struct schema_shape *schema_of_all(struct schema *s, const struct schema_element *v,
                                         uint32_t n);
const json_t *schema_ref(struct schema *s, const json_t *node, const char *ref);

/* schema_shape.c */
extern const struct schema_shape schema_everything, schema_nothing;
bool schema_and(struct schema *s, struct schema_shape *x, const struct schema_shape *y);
bool schema_or(struct schema *s, struct schema_shape *x, const struct schema_shape *y);
/* where: the keyword to name if x cannot be turned around. */
bool schema_not(struct schema *s, struct schema_shape *x, const json_t *node, const char *keyword);
bool schema_one_of(struct schema *s, struct schema_shape *out, const struct schema_shape **v,
                   size_t n, const json_t *node);
const struct schema_side *schema_side_new(struct schema *s, const struct schema_atom *atoms,
                                          uint32_t min, uint32_t max,
                                          const struct schema_side *next);
const struct schema_atom *schema_atom_new(struct schema *s, struct schema_atom x);
bool schema_set_and(struct schema *s, struct schema_set *x, const struct schema_set *y);
const struct dfa *schema_texts(struct schema *s, const struct schema_set *x);

/* schema_members.c: what a side demands of one member. */
struct schema_list {
    struct schema_element *v;
    uint32_t n, cap;
};
bool schema_list_add(struct schema *s, struct schema_list *l, const json_t *node, unsigned kind);
bool schema_of_key(struct schema *s, const struct schema_side *x, const char *key,
                   struct schema_list *out);
bool schema_of_index(struct schema *s, const struct schema_side *x, uint32_t index,
                     struct schema_list *out);
uint32_t schema_prefix(const struct schema_side *x); /* items that differ from those after */
/* Surely nothing fits this side: an object without a member it must have, ... */
bool schema_side_empty(struct schema *s, const struct schema_side *x, bool object, bool *empty);

#endif
