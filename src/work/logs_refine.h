/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_refine: which words vary, decided over all shapes together.
 *
 * Shapes with the same skeleton (punctuation, blanks and number of slots) form a matrix: a row a
 * shape, a column a slot. A column varies among rows that are equal everywhere else
 * - when it holds a variable or values that look like identifiers;
 * - when it holds many words (fewer suffice behind "=" and for words found to vary elsewhere).
 * Where it varies the value becomes SHAPE_ANY, which makes more rows equal; so it goes on until
 * nothing changes. A row of variables only says nothing: one word at least must stay. The result
 * does not depend on the order of the shapes, nor on threads. */
#ifndef MOAT_WORK_LOGS_REFINE_H
#define MOAT_WORK_LOGS_REFINE_H

#include "work/logs_shapes.h"

/* in -> out (empty before); remap[i] is the number in `out` of shape i of `in`. */
bool logs_refine(const struct logs_shapes *in, struct logs_shapes *out, uint32_t *remap,
                 struct err *e) MUST_USE;

#endif
