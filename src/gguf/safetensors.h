/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/safetensors: a bounds-checked reader of safetensors files, one or several of one model.
 *
 * Takes a file, or a folder with model.safetensors or model.safetensors.index.json and the files it
 * names; gives names, types and shapes, and the data as views into read-only mappings that live as
 * long as the `struct safetensors`. Guarantees: the data of every tensor lie in their file, have
 * the size that type and shape say, and no two share a byte. Refuses: unknown types, holes, bytes
 * behind the last tensor, a name that is there twice, an index that names another folder.
 * Source: the format's own description (safetensors README, "Format"). */
#ifndef MOAT_GGUF_SAFETENSORS_H
#define MOAT_GGUF_SAFETENSORS_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* enum name, name in the file, bytes of a value */
#define SAFETENSOR_TABLE(X)                                                                        \
    X(SAFETENSOR_BOOL, "BOOL", 1)                                                                  \
    X(SAFETENSOR_U8, "U8", 1)                                                                      \
    X(SAFETENSOR_I8, "I8", 1)                                                                      \
    X(SAFETENSOR_F8_E5M2, "F8_E5M2", 1)                                                            \
    X(SAFETENSOR_F8_E4M3, "F8_E4M3", 1)                                                            \
    X(SAFETENSOR_I16, "I16", 2)                                                                    \
    X(SAFETENSOR_U16, "U16", 2)                                                                    \
    X(SAFETENSOR_F16, "F16", 2)                                                                    \
    X(SAFETENSOR_BF16, "BF16", 2)                                                                  \
    X(SAFETENSOR_I32, "I32", 4)                                                                    \
    X(SAFETENSOR_U32, "U32", 4)                                                                    \
    X(SAFETENSOR_F32, "F32", 4)                                                                    \
    X(SAFETENSOR_F64, "F64", 8)                                                                    \
    X(SAFETENSOR_I64, "I64", 8)                                                                    \
    X(SAFETENSOR_U64, "U64", 8)

enum safetensor_type {
#define X(name, text, bytes) name,
    SAFETENSOR_TABLE(X)
#undef X
        SAFETENSOR_TYPES
};

enum { SAFETENSOR_DIMS = 8 };

struct safetensor {
    struct str name; /* NUL-terminated */
    enum safetensor_type type;
    uint32_t n_dim;
    uint64_t shape[SAFETENSOR_DIMS]; /* slowest dimension first, as the file has it */
    uint64_t n_values, n_bytes;
    const unsigned char *data; /* any alignment; little-endian */
};

struct safetensors {
    uint64_t n;
    const struct safetensor *tensors; /* [n], file by file, each in the order of its data */
    uint64_t file_bytes;              /* of all files */
    struct safetensors_private *private;
};

/* path: a .safetensors file, or the folder of a model. */
struct safetensors *safetensors_open(const char *path, struct err *e) MUST_USE;
/* One file by its descriptor, which is taken over also on failure. */
struct safetensors *safetensors_take_fd(int fd, const char *name, struct err *e) MUST_USE;
void safetensors_close(struct safetensors *s);

const struct safetensor *safetensors_find(const struct safetensors *s, struct str name);
const char *safetensor_type_name(enum safetensor_type t);
uint32_t safetensor_type_bytes(enum safetensor_type t);

#endif
