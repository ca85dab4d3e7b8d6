/* SPDX-License-Identifier: Apache-2.0 */
/* cli/thin_model: a model of the store with its packed weights only, and whole again (store/thin,
 * engine/packed_thin). At every moment one of the two is there, complete. */
#ifndef MOAT_CLI_THIN_MODEL_H
#define MOAT_CLI_THIN_MODEL_H

#include "store/manifest.h"

/* Packs it, proves that the file can be made again, and removes the file. */
bool thin_model_make(const struct store *s, const struct manifest *m, struct err *e) MUST_USE;
/* Makes the file again, compares it with its SHA-256, and removes the rest. */
bool thin_model_restore(const struct store *s, const struct manifest *m, struct err *e) MUST_USE;
/* The SHA-256 of the file that would be made. */
bool thin_model_hash(const struct store *s, const struct manifest *m, struct digest *d,
                     struct err *e) MUST_USE;

#endif
