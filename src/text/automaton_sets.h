/* SPDX-License-Identifier: Apache-2.0 */
/* text/automaton_sets: the automaton's memory: interned sets of items, and what was seen. */
#ifndef MOAT_TEXT_AUTOMATON_SETS_H
#define MOAT_TEXT_AUTOMATON_SETS_H

#include "text/automaton_private.h"

/* The number of the set that the list holds, in any order and with repetitions. Sorts the list. */
bool automaton_sets_find(struct automaton *a, struct automaton_sets *s, struct automaton_list *list,
                         uint32_t *number, struct err *e) MUST_USE;
/* How many of the items differ in more than their node. Changes their order. */
uint32_t automaton_list_readings(struct automaton_list *l);
uint32_t automaton_hash_items(const struct automaton_item *v, size_t n);
void automaton_sets_clear(struct automaton_sets *s);
bool automaton_seen_add(struct automaton_seen *s, struct automaton_item x, bool *new,
                        struct err *e) MUST_USE;
void automaton_seen_clear(struct automaton_seen *s);
/* Rows of the table for all states there are. */
bool automaton_add_row(struct automaton *a, struct err *e) MUST_USE;

#endif
