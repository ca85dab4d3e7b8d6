/* SPDX-License-Identifier: Apache-2.0 */
/* lab/imatrix: makes the file that lab/importance reads: how large what each column of a matrix is
 * multiplied with is, measured while a model reads a text.
 *
 * The model is run as it lies in its file (not packed). Every multiplication passes through a
 * kernel of ours that adds the squares of its input to the sums of the matrix, then does what the
 * CPU's own does. Sums are of double precision and in a fixed order: any number of threads gives
 * the same file. */
#ifndef MOAT_LAB_IMATRIX_H
#define MOAT_LAB_IMATRIX_H

#include "lab/lab.h"

struct imatrix;

/* l must live as long; one imatrix at a time in a process. */
struct imatrix *imatrix_new(struct lab *l, struct err *e) MUST_USE;
void imatrix_free(struct imatrix *m);

/* Reads n tokens from position 0: ids below the vocabulary, n at most the context. */
bool imatrix_add(struct imatrix *m, const uint32_t *token, uint32_t n, struct err *e) MUST_USE;

/* The file. `dataset` is what the text is called, chunk the tokens of an imatrix_add. */
bool imatrix_write(const struct imatrix *m, const char *path, const char *dataset, uint32_t chunk,
                   struct err *e) MUST_USE;

#endif
