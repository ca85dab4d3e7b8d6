/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_matrix: the shapes of one skeleton as rows of value numbers, and what settles them.
 *
 * The values of all matrices are numbered together, so that what is learnt of a word in one (it
 * varied) counts in the others. Work is a sort for each column and round; all of it
 * together is bounded by LIMIT_LOGS_WORK, behind which rows stay as they are. */
#ifndef MOAT_WORK_LOGS_MATRIX_H
#define MOAT_WORK_LOGS_MATRIX_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { VALUE_ANY, VALUE_VAR }; /* the numbers of "\4" and "\1", added first */

struct logs_value {
    struct str text; /* borrowed */
    uint32_t stem;   /* hash of the letters of "eth0", else 0 */
    bool id;         /* looks like an identifier: holds a variable, or . / \ @ */
    bool word;       /* has two letters in a row */
    bool names;      /* "user", "host": what follows is a name */
    bool varied;     /* was found to vary, now and ... */
    bool learnt;     /* ... in an earlier round */
};

struct logs_values {
    struct logs_value *v;
    size_t n, cap;
    uint64_t work; /* rows sorted so far, in all matrices: at most LIMIT_LOGS_WORK */
};

bool logs_values_add(struct logs_values *t, struct str text, uint32_t *id, struct err *e) MUST_USE;
void logs_values_learn(struct logs_values *t); /* what varied in this round counts in the next */
void logs_values_clear(struct logs_values *t);

struct logs_matrix {
    struct str skeleton; /* borrowed; SHAPE_SLOT where a column stands */
    uint32_t n_col;
    uint32_t *cell; /* [n_row][n_col] */
    uint32_t *rep;  /* [n_row]: the row that stands for it, once rows became equal */
    size_t n_row, cap_row;
};

bool logs_matrix_add(struct logs_matrix *m, const uint32_t *value, uint32_t *row,
                     struct err *e) MUST_USE;
bool logs_matrix_settle(struct logs_matrix *m, struct logs_values *values, struct err *e) MUST_USE;
const uint32_t *logs_matrix_row(const struct logs_matrix *m, uint32_t row);
void logs_matrix_clear(struct logs_matrix *m);

#endif
