/* SPDX-License-Identifier: Apache-2.0 */
/* store/signed: are these files what the maker of a model has signed (guard/oms)?
 *
 * A file is, if its bytes are those of a file in the list: a model is its bytes, so its name does
 * not matter. A folder is, if every file of the list is in it, at its place and with its bytes, and
 * nothing else is; .git, .gitignore, .gitattributes and .github at its top, the signature itself,
 * and paths that the list or the caller leaves out do not count. Links are followed only to files,
 * and only where the signer did so. ERR_DENIED says what differs. */
#ifndef MOAT_STORE_SIGNED_H
#define MOAT_STORE_SIGNED_H

#include "guard/oms.h"
#include "store/store.h"

struct signed_terms {
    const char *signature;     /* its path; or NULL */
    const char *const *ignore; /* [n_ignore] paths in the folder, "a/b" */
    uint32_t n_ignore;
    bool others;                           /* files that are not in the list may be there */
    const struct store_progress *progress; /* or NULL */
};

/* An open regular file. The file of the list that it is, or NULL. */
const struct oms_file *signed_file(const struct oms_list *l, int fd, const char *name,
                                   const struct store_progress *progress, struct err *e) MUST_USE;

/* A file or a folder. */
bool signed_path(const struct oms_list *l, const char *path, const struct signed_terms *terms,
                 struct err *e) MUST_USE;

#endif
