/* SPDX-License-Identifier: Apache-2.0 */
/* text/schema_emit: shapes of schemas as rules of a grammar, in JSON or another notation.
 *
 * All return a node or a rule, 0 on failure; what follows a part is made before it. */
#ifndef MOAT_TEXT_SCHEMA_EMIT_H
#define MOAT_TEXT_SCHEMA_EMIT_H

#include "text/schema_private.h"

/* How values are written: as JSON does, or another notation does. */
struct schema_notation {
    const char *null[2], *yes[2], *no[2]; /* either; the second may be NULL */
    const char *open, *is, *close;        /* of an object, and between a key and its value */
    /* Texts of the set, then next; the same of keys, NULL: keys are texts. 0 on failure. */
    uint32_t (*texts)(struct schema *s, const struct schema_set *x, uint32_t next);
    uint32_t (*keys)(struct schema *s, const struct schema_set *x, uint32_t next);
    bool named;   /* members are those that the schema names */
    bool escapes; /* \/, and \u with two halves beyond U+FFFF, as in JSON */
};
extern const struct schema_notation schema_json;

/* schema_text.c */
uint32_t schema_emit_quoted(struct schema *s, const struct schema_set *x, char quote,
                            uint32_t next);
uint32_t schema_emit_keys(struct schema *s, const struct schema_set *x, uint32_t next);
uint32_t schema_emit_key(struct schema *s, const char *key, uint32_t next);
uint32_t schema_rule(struct schema *s, const struct schema_element *v, uint32_t n);
bool schema_emit_all(struct schema *s); /* bodies of all rules asked for */
uint32_t schema_emit_object(struct schema *s, const struct schema_side *x, uint32_t next);
uint32_t schema_blank(struct schema *s, uint32_t next);

#endif
