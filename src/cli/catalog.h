/* SPDX-License-Identifier: Apache-2.0 */
/* cli/catalog: the parts of moat catalog, each a command of its own with its own options. */
#ifndef MOAT_CLI_CATALOG_H
#define MOAT_CLI_CATALOG_H

#include "cli/opts.h"
#include "store/catalogs.h"

/* catalog_list.c: what there is. */
extern const struct command catalog_search, catalog_show;
/* catalog_site.c: which catalogues are used. */
extern const struct command catalog_list, catalog_add, catalog_update, catalog_remove;
/* catalog_author.c: making one. */
extern const struct command catalog_leaves, catalog_entry, catalog_sign;

/* One model on stdout, as rows or as JSON. from: the catalogue's name. */
json_t *catalog_entry_json(const struct catalog_entry *m, const char *from);
bool catalog_print_json(json_t *j, struct err *e) MUST_USE; /* takes j over */

#endif
