/* SPDX-License-Identifier: Apache-2.0 */
/* text/regex: a pattern of JSON Schema (ECMA-262, unanchored, flag u) as a set of texts.
 *
 * Alternatives, groups, sets, \d \w \s and their opposites, ^ and $, all quantifiers (lazy ones
 * allow the same texts), escapes, and \p of the main Unicode categories. Refused by name: what is
 * beyond a finite automaton or needs one turned inside out (back-references, look-around, \b), and
 * patterns that take more than REGEX_STEPS steps. Built once into an automaton, so no pattern can
 * take long when it is used. */
#ifndef MOAT_TEXT_REGEX_H
#define MOAT_TEXT_REGEX_H

#include "text/dfa.h"

#define REGEX_STEPS 8192u

struct dfa *regex_dfa(struct arena *a, struct str pattern, struct err *e) MUST_USE;

#endif
