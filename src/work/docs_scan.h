/* SPDX-License-Identifier: Apache-2.0 */
/* work/docs_scan: folders of documents -> an index that is up to date.
 *
 * Takes every regular file below a folder that is text, but none whose name begins with a dot, no
 * link, and none beyond LIMIT_DOCS_FILE; what is left out for its size or because it cannot be read
 * is counted. Only files whose size or time has changed are read again. */
#ifndef MOAT_WORK_DOCS_SCAN_H
#define MOAT_WORK_DOCS_SCAN_H

#include "work/docs_index.h"

struct docs_scan {
    uint32_t n_files, n_new, n_gone; /* there are; read again; no longer there */
    uint32_t n_skipped;              /* no text */
    uint32_t n_failed;               /* could not be read, or too large */
};

/* folders: absolute paths, or of one file each. */
bool docs_scan(struct docs_index *ix, const char *const *folders, uint32_t n, struct docs_scan *r,
               struct err *e) MUST_USE;

#endif
