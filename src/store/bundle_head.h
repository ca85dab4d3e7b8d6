/* SPDX-License-Identifier: Apache-2.0 */
/* store/bundle_head: the header of a bundle and its list of files. Used by the other parts of
 * store/bundle only. */
#ifndef MOAT_STORE_BUNDLE_HEAD_H
#define MOAT_STORE_BUNDLE_HEAD_H

#include "store/bundle.h"

/* The BUNDLE_HEADER bytes of text. */
void bundle_header_print(const struct bundle_layout *l, char out[BUNDLE_HEADER]);
/* ERR_UNSUPPORTED for another format or version, ERR_CORRUPT for a header that is not what its
 * numbers print as. part_bytes is not in it. */
bool bundle_header_parse(struct bundle_layout *l, const char *header, const char *where,
                         struct err *e) MUST_USE;

/* The list as JSON, new; b->file, segment, terms and at.part_bytes are what it says. */
json_t *bundle_list_print(const struct bundle *b, const json_t *const *settings);
/* Fills b from the JSON text, checking it all against b->at. */
bool bundle_list_parse(struct bundle *b, struct str text, const char *where,
                       struct err *e) MUST_USE;

/* A path of our own kind: letters, digits, . _ + - and single slashes, no leading dots. */
bool bundle_path_valid(struct str path);
/* "docs/" */
const char *bundle_kind_folder(enum bundle_kind kind);

#endif
