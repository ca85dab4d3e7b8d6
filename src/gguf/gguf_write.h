/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/gguf_write: builds a GGUF v3 file: metadata, tensor list, tensor data, in that order.
 *
 * Takes entries in the order in which the file is to hold them; copies names and values, borrows
 * tensor data until the file is written. Gives bytes in memory or a file that appears whole or not
 * at all. Errors are sticky: add everything, then ask gguf_write_bytes or gguf_write_file.
 * Refuses: shapes that are not whole blocks, 0 or more than 4 dimensions, an alignment that is
 * not a power of two from 8 on. Duplicate names are the caller's affair (the reader refuses them).
 */
#ifndef MOAT_GGUF_GGUF_WRITE_H
#define MOAT_GGUF_GGUF_WRITE_H

#include "base/buf.h"
#include "gguf/gguf.h"

struct gguf_writer {
    struct buf kv, infos;          /* encoded entries so far */
    uint64_t n_kv, n_tensors;      /* how many */
    uint64_t data_bytes;           /* size of the data so far, padded */
    uint32_t alignment;            /* of the file and of every tensor in it */
    struct gguf_write_data *datas; /* [n_tensors], owned */
    size_t cap;
    struct err bad; /* the first failure */
};

/* Any alignment but the default 32 is also written as general.alignment. */
void gguf_write_init(struct gguf_writer *w, uint32_t alignment);
void gguf_write_clear(struct gguf_writer *w);

void gguf_write_u32(struct gguf_writer *w, const char *key, uint32_t v);
void gguf_write_f32(struct gguf_writer *w, const char *key, float v);
void gguf_write_bool(struct gguf_writer *w, const char *key, bool v);
void gguf_write_str(struct gguf_writer *w, const char *key, struct str v);
void gguf_write_strs(struct gguf_writer *w, const char *key, const struct str *v, uint64_t n);
/* A scalar of any numeric type; v points at it in the machine's own form, as for arrays. */
void gguf_write_scalar(struct gguf_writer *w, const char *key, enum gguf_type type, const void *v);
void gguf_write_array(struct gguf_writer *w, const char *key, enum gguf_type elem, const void *v,
                      uint64_t n);
/* Copies an entry read from another file. */
void gguf_write_kv(struct gguf_writer *w, const struct gguf_kv *kv);
/* ne [n_dim], row length first. data NULL: to be made by gguf_write_made. */
void gguf_write_tensor(struct gguf_writer *w, const char *name, enum dtype type, uint32_t n_dim,
                       const uint64_t *ne, const void *data);

/* The whole file into out. */
bool gguf_write_bytes(struct gguf_writer *w, struct buf *out, struct err *e) MUST_USE;
bool gguf_write_file(struct gguf_writer *w, const char *path, struct err *e) MUST_USE;

/* The same file where data are made one tensor after the other while it is written: for each that
 * has none, in order, make(arg, i, out) is called and hands over all its bytes, in as many pieces
 * as it likes, through gguf_put. */
struct gguf_sink;
typedef bool gguf_make_fn(void *arg, uint64_t tensor, struct gguf_sink *out, struct err *e);
bool gguf_put(struct gguf_sink *out, const void *p, uint64_t n, struct err *e) MUST_USE;
bool gguf_write_made(struct gguf_writer *w, const char *path, gguf_make_fn *make, void *arg,
                     struct err *e) MUST_USE;
uint64_t gguf_write_size(const struct gguf_writer *w); /* bytes of the file, but for padding */

#endif
