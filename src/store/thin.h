/* SPDX-License-Identifier: Apache-2.0 */
/* store/thin: models of which only the packed weights are kept, for those short of disk.
 *
 *     thin/sha256-<hex>.gguf   the file without the weights that are packed (engine/packed_thin)
 *     thin/sha256-<hex>.pack   those
 *
 * <hex> is the SHA-256 of the whole file, which can be made from both. Where the blob is there too
 * it is the one that counts, and the next sweep removes these; a pack alone may be in the making,
 * and goes when it is a day old. */
#ifndef MOAT_STORE_THIN_H
#define MOAT_STORE_THIN_H

#include "base/map.h"
#include "store/blob.h"

const char *thin_path(const struct store *s, const struct digest *d, const char *ending,
                      char out[STORE_PATH]); /* ending: "gguf" or "pack" */
bool thin_exists(const struct store *s, const struct digest *d);
int thin_open(const struct store *s, const struct digest *d, struct err *e) MUST_USE; /* -1 */
/* The blob, or else the thin file: -1 with the error of the former. */
int thin_or_blob_open(const struct store *s, const struct digest *d, struct err *e) MUST_USE;
/* Which of them an open file is; false: none. */
bool thin_find(const struct store *s, const struct os_file_id *id, struct digest *d);
/* With the store locked. */
void thin_remove(const struct store *s, const struct digest *d);
/* Removes those whose digest is not in `live`, or that have a blob: bytes freed. */
uint64_t thin_sweep(const struct store *s, const struct map *live);

#endif
