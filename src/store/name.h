/* SPDX-License-Identifier: Apache-2.0 */
/* store/name: NAME[:TAG], what a model in the store is called.
 *
 * Each part has 1 to 80 characters: ASCII letters, digits, ".", "_" and "-", the first a letter or
 * digit, the last not a dot. A part is therefore safe as the name of a file or directory, and only
 * a parsed name ever becomes one. Without a tag it is "latest". */
#ifndef MOAT_STORE_NAME_H
#define MOAT_STORE_NAME_H

#include "base/err.h"
#include "base/str.h"

enum { NAME_PART = 80 };

struct name {
    char model[NAME_PART + 1], tag[NAME_PART + 1];
    char text[2 * NAME_PART + 2]; /* "model:tag" */
};

bool name_parse(struct name *n, struct str text, struct err *e) MUST_USE;
bool name_part_valid(struct str part);
/* Is it written as a path to a file rather than as a name: with a slash, or ending in .gguf? */
bool name_is_path(struct str text);

#endif
