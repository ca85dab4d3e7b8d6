/* SPDX-License-Identifier: Apache-2.0 */
/* engine/packed_thin: a model file without the weights that its pack has, and the way back.
 *
 * A thin file has the size of the file it was made from and all its bytes but those of the packed
 * matrices, which are a hole, and begins with "GGUT", so that nobody takes it for a whole one.
 * Packing only moves bits (compute/pack), so file and pack give the first file back, byte for byte.
 * Such a pack is bound to the SHA-256 of the file (packed_params.digest) and is no cache. */
#ifndef MOAT_ENGINE_PACKED_THIN_H
#define MOAT_ENGINE_PACKED_THIN_H

#include "engine/packed.h"

/* Writes the thin form of a whole file to an open, empty one. ERR_UNSUPPORTED where nothing of it
 * is packed, or its matrices share bytes in a way that could not be undone. */
bool packed_thin_write(const struct gguf *g, int fd, struct err *e) MUST_USE;

/* The bytes of the whole file, in order; false of fn stops (with *e set by it). */
typedef bool packed_bytes_fn(void *arg, const void *p, size_t n, struct err *e);
bool packed_thin_restore(const struct gguf *thin, const struct packed_params *params,
                         packed_bytes_fn *fn, void *arg, struct err *e) MUST_USE;

#endif
