/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/gguf_write: builds a GGUF v3 file in order: metadata, tensor list, tensor data.
 *
 * Collects everything in memory-bounded buffers and writes once; for tests and the lab. Tensor data
 * are borrowed until gguf_write_file. Errors are sticky: add all, then check gguf_write_file. */
#ifndef MOAT_GGUF_GGUF_WRITE_H
#define MOAT_GGUF_GGUF_WRITE_H

#include "base/buf.h"
#include "gguf/gguf.h"

struct gguf_writer {
    struct buf kv, infos;
    uint64_t n_kv, n_tensors, data_bytes; /* data_bytes: padded sum so far */
    uint32_t alignment;
    struct {
        const void *data;
        uint64_t n_bytes;
    } *tensors;
    size_t cap;
    bool bad;
};

void gguf_write_init(struct gguf_writer *w, uint32_t alignment);
void gguf_write_clear(struct gguf_writer *w);

void gguf_write_u32(struct gguf_writer *w, const char *key, uint32_t v);
void gguf_write_f32(struct gguf_writer *w, const char *key, float v);
void gguf_write_bool(struct gguf_writer *w, const char *key, bool v);
void gguf_write_str(struct gguf_writer *w, const char *key, struct str v);
void gguf_write_strs(struct gguf_writer *w, const char *key, const struct str *v, uint64_t n);
void gguf_write_array(struct gguf_writer *w, const char *key, enum gguf_type elem, const void *v,
                      uint64_t n);
/* Copies an entry read from another file. */
void gguf_write_kv(struct gguf_writer *w, const struct gguf_kv *kv);
void gguf_write_tensor(struct gguf_writer *w, const char *name, enum dtype type, uint32_t n_dim,
                       const uint64_t ne[4], const void *data);

/* The whole file into out. */
bool gguf_write_bytes(struct gguf_writer *w, struct buf *out, struct err *e) MUST_USE;
bool gguf_write_file(struct gguf_writer *w, const char *path, struct err *e) MUST_USE;

#endif
