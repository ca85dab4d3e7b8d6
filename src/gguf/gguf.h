/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/gguf: a bounds-checked reader of GGUF v2 and v3 files, single or split.
 *
 * Takes a path or an open descriptor; gives metadata and tensors as views into read-only mappings
 * that live as long as the `struct gguf`. Guarantees: every count, length, offset, type and size
 * has been checked against the file before anything is returned, so users may read what they are
 * given. Refuses: other versions, big-endian files, unknown types, duplicate keys or tensors,
 * overlapping or misaligned tensors, anything past the end. Source: the GGUF specification (ggml
 * docs/gguf.md). */
#ifndef MOAT_GGUF_GGUF_H
#define MOAT_GGUF_GGUF_H

#include <stdint.h>

#include "base/checked.h"
#include "base/err.h"
#include "base/os.h"
#include "base/str.h"
#include "gguf/dtype.h"

enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_TYPE_COUNT
};

/* One metadata entry. Scalars and numeric arrays lie unaligned at `data` (read them through the
 * accessors). A string is `text`. An array of strings has its views in `strings` [n]. */
struct gguf_kv {
    struct str key;
    enum gguf_type type; /* GGUF_ARRAY for arrays */
    enum gguf_type elem; /* element type of an array */
    uint64_t n;          /* elements of an array, 1 otherwise */
    const unsigned char *data;
    struct str text;
    const struct str *strings;
};

struct gguf_tensor {
    struct str name;
    enum dtype type;
    uint32_t n_dim;
    uint64_t ne[4]; /* ne[0] is the row length; unused dimensions are 1 */
    uint64_t n_bytes;
    uint64_t row_bytes;        /* bytes of one row of ne[0] weights */
    const unsigned char *data; /* [ne[3]][ne[2]][ne[1]] rows, in a mapping of file `split` */
    uint32_t split;            /* which file, from 0 */
    uint64_t file_offset;      /* of data in that file */
};

/* Who lets this file run: what a policy says of it (guard/policy). */
enum { GGUF_PACKS = 4 };
struct gguf_approval {
    struct hash sha256;
    uint64_t policy; /* its version */
    uint32_t n_packs;
    struct hash pack[GGUF_PACKS]; /* roots of packed weights (engine/packed) that may be used */
};

struct gguf {
    uint32_t version, alignment;
    uint64_t n_kv, n_tensors;
    const struct gguf_kv *kv;          /* [n_kv], file order; of the first file */
    const struct gguf_tensor *tensors; /* [n_tensors], file order, all files */
    uint32_t n_splits;
    uint64_t file_bytes; /* of all files */
    bool thin;           /* most of its weights are elsewhere: engine/packed_thin */
    const struct gguf_approval *approval; /* of gguf_take_checked; else NULL */
    struct gguf_private *private;
};

/* Opens path and, when it is one file of a split model (split.count > 1), its siblings
 * NAME-00001-of-0000N.gguf; any of them may be named. */
struct gguf *gguf_open(const char *path, struct err *e) MUST_USE;
/* The same over a descriptor, which is taken over also on failure; split files are refused. */
struct gguf *gguf_take_fd(int fd, const char *name, struct err *e) MUST_USE;
/* The same over a file of n bytes of which only what was compared with its hash is read
 * (base/checked); c is taken over, also on failure. */
struct gguf *gguf_take_checked(struct checked *c, uint64_t n, const struct gguf_approval *approval,
                               const char *name, struct err *e) MUST_USE;
void gguf_close(struct gguf *g);

/* Of gguf_take_checked: to be asked before data of tensors are read (the rest is there). NULL: all
 * may be read. */
struct checked *gguf_checked(const struct gguf *g);
/* Has tensor t what its hashes say? Always, where nothing is checked. */
bool gguf_need(const struct gguf *g, const struct gguf_tensor *t, struct err *e) MUST_USE;

/* All bytes of file i < n_splits, as long as g is open. */
struct str gguf_bytes(const struct gguf *g, uint32_t i);
int gguf_fd(const struct gguf *g, uint32_t i); /* of the same, and no longer */
/* What file i < n_splits is, now. */
bool gguf_file_id(const struct gguf *g, uint32_t i, struct os_file_id *id, struct err *e) MUST_USE;

const struct gguf_kv *gguf_find(const struct gguf *g, const char *key);
const struct gguf_tensor *gguf_tensor_find(const struct gguf *g, struct str name);
/* The format that most weights have, and how many there are in all. */
enum dtype gguf_most_weights(const struct gguf *g);
uint64_t gguf_n_weights(const struct gguf *g);

/* Typed access. An absent key leaves *out alone and succeeds (so it holds the caller's default);
 * a value of another type or out of range is ERR_CORRUPT naming the key. Unsigned access takes any
 * integer type whose value fits, float access also integers. */
bool gguf_get_u32(const struct gguf *g, const char *key, uint32_t *out, struct err *e) MUST_USE;
bool gguf_get_f32(const struct gguf *g, const char *key, float *out, struct err *e) MUST_USE;
bool gguf_get_bool(const struct gguf *g, const char *key, bool *out, struct err *e) MUST_USE;
bool gguf_get_str(const struct gguf *g, const char *key, struct str *out, struct err *e) MUST_USE;

/* Element i of a numeric array or (i = 0) a scalar; floats are truncated towards zero, bools 0/1.
 */
uint64_t gguf_uint_at(const struct gguf_kv *kv, uint64_t i); /* negative values are 0 */
int64_t gguf_int_at(const struct gguf_kv *kv, uint64_t i);
double gguf_float_at(const struct gguf_kv *kv, uint64_t i);
bool gguf_is_integer(enum gguf_type t);
uint32_t gguf_type_bytes(enum gguf_type t); /* of one value; 0 for strings and arrays */
const char *gguf_type_name(enum gguf_type t);

#endif
