/* SPDX-License-Identifier: Apache-2.0 */
/* engine/packed_file: the file a pack is kept in.
 *
 *   header   4096 bytes, struct below and zeros
 *   entries  [n_entries] struct packed_entry
 *   leaves   [n_leaves] SHA-256 of each leaf of the data
 *   data     at a multiple of 4096; large ones of a large page, and written in such pieces
 *
 * In the byte order and for the layout of this program: a file of any other is stale. The check
 * covers header and entries, the root covers the leaves, and those the data; opening verifies all
 * but the data, which would take reading them. */
#ifndef MOAT_ENGINE_PACKED_FILE_H
#define MOAT_ENGINE_PACKED_FILE_H

#include "base/os.h"
#include "base/workers.h"
#include "engine/packed.h"
#include "engine/packed_plan.h"

struct packed_header {
    char magic[8];
    uint32_t version, layout;
    struct hash key; /* of the model file */
    uint64_t n_entries, n_leaves, data_at, data_bytes, file_bytes;
    struct hash root, check;
};

/* What the pack of this model must be; root and check are not known yet. */
bool packed_header_init(struct packed_header *h, const struct packed_plan *p, const struct gguf *g,
                        const struct hash *digest, struct err *e) MUST_USE;

/* Maps the pack at path if it is that one, and gives its root. */
bool packed_file_open(struct os_map *map, struct hash *root, const char *path,
                      const struct packed_header *want, const struct packed_plan *p,
                      struct err *e) MUST_USE;

/* Where the hashes of the leaves are in a pack that has been opened. */
const struct hash *packed_file_leaves(const struct os_map *map, const struct packed_header *h);

/* Is the pack at path, of whatever model, as it was when it was made? Reads all of it. ERR_CORRUPT;
 * ERR_UNSUPPORTED for one of another layout, which is made anew when it is wanted. */
bool packed_file_check(const char *path, struct err *e) MUST_USE;

/* Makes it. */
bool packed_file_make(const char *path, struct packed_header *h, const struct packed_plan *p,
                      const struct packed_params *params, struct workers *team,
                      struct err *e) MUST_USE;

#endif
