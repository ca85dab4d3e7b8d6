/* SPDX-License-Identifier: Apache-2.0 */
/* store/split: a model whose GGUF file was split into parts, NAME-00001-of-00003.gguf and so on, is
 * pulled part by part (store/pull, `keep`) and becomes one file of the store.
 *
 *     $MOAT_HOME/partial/split-KEY-00001.data   a part that is whole and verified
 *
 * The one file has the metadata of the first part without its split.* keys, and all tensors, bit
 * for bit. KEY is made of the name of the first part, so what is there is not fetched again. */
#ifndef MOAT_STORE_SPLIT_H
#define MOAT_STORE_SPLIT_H

#include "store/pull.h"

struct split {
    uint32_t no, count; /* no from 1 */
    size_t at;          /* where "-00001-of-00003.gguf" begins in the text */
};

/* Is it the name or address of a part? False for one part of one, or of more than
 * LIMIT_GGUF_SPLITS. */
bool split_find(struct split *s, const char *text);
/* The same text for another part. */
bool split_text(const struct split *s, const char *text, uint32_t no, char *out, size_t cap,
                struct err *e) MUST_USE;

enum { SPLIT_KEY = 32 };

struct split_model {
    struct store store;
    char key[SPLIT_KEY + 1];
    uint32_t count;
};

/* text: of any part. */
bool split_open(struct split_model *m, const struct split *s, const char *text,
                struct err *e) MUST_USE;
const char *split_path(const struct split_model *m, uint32_t no, char out[STORE_PATH]);
/* All parts are there: makes the model of them and removes them. Takes name, source and settings
 * from q; fills digest, size, replaced and architecture of r. */
bool split_join(const struct split_model *m, const struct pull_request *q, struct pull_result *r,
                struct err *e) MUST_USE;

#endif
