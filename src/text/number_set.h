/* SPDX-License-Identifier: Apache-2.0 */
/* text/number_set: sets of JSON numbers, written without an exponent, as DFAs.
 *
 * "1", "1.0" and "1.00" are one number here, as in JSON Schema; "-0" is 0. A bound is taken as the
 * decimal number it was written as (a double as its shortest decimal form). */
#ifndef MOAT_TEXT_NUMBER_SET_H
#define MOAT_TEXT_NUMBER_SET_H

#include <jansson.h>

#include "text/dfa.h"

enum number_relation { NUMBER_LESS, NUMBER_AT_MOST, NUMBER_EQUAL, NUMBER_AT_LEAST, NUMBER_MORE };

/* Every number; or whole ones ("1.0" too); or whole ones of at most `digits` digits, as digits. */
struct dfa *number_any(struct arena *a, struct err *e) MUST_USE;
struct dfa *number_whole(struct arena *a, struct err *e) MUST_USE;
struct dfa *number_digits(struct arena *a, uint32_t digits, struct err *e) MUST_USE;
/* Those below; to be combined with one of those above, as they do not check the form. */
struct dfa *number_compared(struct arena *a, enum number_relation r, const json_t *bound,
                            struct err *e) MUST_USE;
struct dfa *number_multiple(struct arena *a, const json_t *of, struct err *e) MUST_USE;

#endif
