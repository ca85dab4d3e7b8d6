/* SPDX-License-Identifier: Apache-2.0 */
/* text/template_filters: the shape of a filter, and the filters on sequences
 * (template_sequences.c) for the table in template_filters.c. */
#ifndef MOAT_TEXT_TEMPLATE_FILTERS_H
#define MOAT_TEXT_TEMPLATE_FILTERS_H

#include "text/template_run.h"

#define UNUSED __attribute__((unused))
#define FILTER_LIKE(name)                                                                          \
    bool name(UNUSED struct render *r, UNUSED struct value self, UNUSED const struct args *a,      \
              UNUSED struct value *out)
#define FILTER(name) static FILTER_LIKE(name)

FILTER_LIKE(f_batch);
FILTER_LIKE(f_dictsort);
FILTER_LIKE(f_first);
FILTER_LIKE(f_forceescape);
FILTER_LIKE(f_groupby);
FILTER_LIKE(f_items);
FILTER_LIKE(f_join);
FILTER_LIKE(f_last);
FILTER_LIKE(f_length);
FILTER_LIKE(f_list);
FILTER_LIKE(f_map);
FILTER_LIKE(f_max);
FILTER_LIKE(f_min);
FILTER_LIKE(f_reject);
FILTER_LIKE(f_rejectattr);
FILTER_LIKE(f_reverse);
FILTER_LIKE(f_select);
FILTER_LIKE(f_selectattr);
FILTER_LIKE(f_slice);
FILTER_LIKE(f_sort);
FILTER_LIKE(f_sum);
FILTER_LIKE(f_unique);

FILTER_LIKE(g_strftime_now); /* template_clock.c */

#endif
