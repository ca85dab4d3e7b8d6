/* SPDX-License-Identifier: Apache-2.0 */
/* work/docs_find: a question -> the passages that are most likely to answer it.
 *
 * By words (BM25) and, where there is a vector of the question, by meaning; the two rankings are
 * merged by the sum of 1 / (10 + rank) (Cormack et al. 2009). */
#ifndef MOAT_WORK_DOCS_FIND_H
#define MOAT_WORK_DOCS_FIND_H

#include "work/docs_index.h"

#define DOCS_FOUND 20u /* passages at most */

struct docs_found {
    struct docs_passage v[DOCS_FOUND]; /* best first */
    uint32_t n;
};

/* vector [n_vector], of length 1, or NULL. */
bool docs_find(struct docs_index *ix, struct str question, const float *vector, uint32_t n_vector,
               uint32_t most, struct docs_found *found, struct err *e) MUST_USE;
void docs_found_clear(struct docs_found *found);

#endif
