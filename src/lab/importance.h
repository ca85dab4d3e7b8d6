/* SPDX-License-Identifier: Apache-2.0 */
/* lab/importance: how much each column of a matrix matters, as a file of lab/imatrix says.
 *
 * The file is a GGUF with general.type "imatrix": for each matrix NAME the sums of the squares of
 * what it was multiplied with, NAME.in_sum2 [experts][columns], and over how many tokens,
 * NAME.counts [experts][1]. That is the form other tools read and write. */
#ifndef MOAT_LAB_IMPORTANCE_H
#define MOAT_LAB_IMPORTANCE_H

#include "gguf/gguf.h"

struct importance {
    struct gguf *g;
};

bool importance_open(struct importance *m, const char *path, struct err *e) MUST_USE;
void importance_close(struct importance *m);

/* The mean squares of matrix t, expert after expert: out [ne[2]][ne[0]]. *there is false where the
 * file has none of it, or it saw no token; a table of another size is ERR_CORRUPT. */
bool importance_of(const struct importance *m, const struct gguf_tensor *t, float *out, bool *there,
                   struct err *e) MUST_USE;

#endif
