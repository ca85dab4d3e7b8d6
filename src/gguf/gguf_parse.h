/* SPDX-License-Identifier: Apache-2.0 */
/* gguf/gguf_parse: the layout of one GGUF file, for gguf.c alone.
 *
 * gguf_parse_meta reads the header and the metadata, gguf_parse_tensors the tensor list that
 * follows; between the two the caller makes room for the tensors of all files. Both check every
 * field against the mapped bytes; memory is taken only after the file proved long enough to hold
 * that many entries. Messages do not name the file: the caller adds that. */
#ifndef MOAT_GGUF_GGUF_PARSE_H
#define MOAT_GGUF_GGUF_PARSE_H

#include "base/map.h"
#include "base/mem.h"
#include "base/os.h"
#include "gguf/cursor.h"
#include "gguf/gguf.h"

struct gguf_file {
    struct os_map map;       /* or the bytes of: */
    struct checked *checked; /* NULL: a map */
    struct cursor at;        /* after gguf_parse_meta: at the tensor list */
    uint32_t version, alignment;
    uint64_t n_kv, n_tensors;
    struct gguf_kv *kv;                            /* [n_kv] in the arena */
    uint32_t split_no, split_count, split_tensors; /* split.*: 0 where absent */
    bool thin;
};

/* f->map is open. Keys are entered into `keys` with their index. */
bool gguf_parse_meta(struct gguf_file *f, struct arena *a, struct map *keys,
                     struct err *e) MUST_USE;

/* Fills t[f->n_tensors], of file number `split`, and enters their names into `names` with their
 * index, counted from `first`. */
bool gguf_parse_tensors(struct gguf_file *f, uint32_t split, uint32_t first, struct gguf_tensor *t,
                        struct map *names, struct err *e) MUST_USE;

/* Makes the views of string arrays, once all files have proved good. */
bool gguf_parse_strings(struct gguf_file *f, struct arena *a, struct err *e) MUST_USE;

/* The value of an integer entry; false when it is no integer or does not fit. */
bool gguf_parse_u32(const struct gguf_kv *kv, uint32_t *out);

#endif
