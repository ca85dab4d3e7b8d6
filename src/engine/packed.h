/* SPDX-License-Identifier: Apache-2.0 */
/* engine/packed: the weights of a model in the layout the kernels want (compute/pack.h), made once
 * and kept in a file that later starts only map.
 *
 * Takes an open model whose matrices point into its GGUF files; leaves them pointing at packed
 * ones. Every matrix whose format can be packed and that has 16 rows is, but for an embedding that
 * is not also the output, and positions: single rows are read, and those as well from the GGUF
 * file. The GGUF files must stay open and stay the truth: a pack is a cache, and can be deleted at
 * any time.
 *
 * Guarantees: a pack is used only when it was made from this very model file (size, device, inode
 * and times of every part, or its digest), in this layout, is whole, and can have been written by
 * this user or root alone; else it is made anew. It appears whole or not at all, whatever happens
 * to the process. Two starts at once make it once. While it is made, memory holds one copy: pages
 * of the source are given back as they are done. If it cannot be kept (no room, no permission) the
 * weights are packed into memory; if that is too small they stay as they are. Neither is an error:
 * `notice` says it.
 *
 * Where only what was approved may run (the gguf is gguf_take_checked's), the matrices that are not
 * packed are read and checked here; a pack is used only if its root is among those approved with
 * it, and is then copied into memory and checked leaf by leaf as it is; else the weights are packed
 * into memory, from checked ones, at each start. */
#ifndef MOAT_ENGINE_PACKED_H
#define MOAT_ENGINE_PACKED_H

#include "base/hash.h"
#include "base/os.h"
#include "base/workers.h"
#include "engine/model.h"

enum packed_state {
    PACKED_NONE,   /* row-major, from the GGUF files */
    PACKED_FILE,   /* mapped from the pack */
    PACKED_MEMORY, /* in anonymous memory */
};

struct packed_params {
    const char *path;          /* of the pack, in an existing directory; NULL: pack into memory */
    const struct hash *digest; /* SHA-256 of the model file where it is known, or NULL */
    bool required;             /* the file is thin: this very pack, or an error */
    /* Called by this thread while packing; may be NULL. */
    void (*progress)(void *arg, uint64_t done, uint64_t total);
    void *progress_arg;
};

struct packed {
    enum packed_state state;
    bool made;         /* by this start */
    uint64_t bytes;    /* of packed weights */
    struct hash root;  /* PACKED_FILE, or approved: hash tree over them, in HASH_LEAF_BYTES */
    struct err notice; /* code ERR_NONE, or why this is not PACKED_FILE though a path was given */
    struct os_map map;
    const struct hash *leaves; /* PACKED_FILE: of each leaf, in map */
    const unsigned char *data; /* [bytes] in map or memory */
    void *memory;
};

/* Fails only for lack of memory for its own small tables, and for a thin file without its pack. */
bool packed_open(struct packed *p, struct model *m, const struct gguf *g,
                 const struct packed_params *params, struct workers *team, struct err *e) MUST_USE;
/* The same with a team of its own for the time. params NULL: leaves the model as it is. */
bool packed_open_threads(struct packed *p, struct model *m, const struct gguf *g,
                         const struct packed_params *params, uint32_t n_threads,
                         struct err *e) MUST_USE;
/* The model must not be used afterwards. */
void packed_close(struct packed *p);

/* PACKED_FILE: reads all of it and compares it with the hashes recorded when it was made. */
bool packed_verify(const struct packed *p, struct workers *team, struct err *e) MUST_USE;

/* A file name, without directory, that is the same for the same file in the same place, or for the
 * same digest: "0123...cdef.pack". */
#define PACKED_NAME_BYTES 40
bool packed_name(const struct gguf *g, const struct hash *digest, char name[PACKED_NAME_BYTES],
                 struct err *e) MUST_USE;

#endif
