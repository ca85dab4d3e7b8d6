/* SPDX-License-Identifier: Apache-2.0 */
/* work/docs_index: the passages of documents, to be found by their words and by what they mean.
 *
 * A SQLite database in memory, read from the bytes of a file and written back as such: so the file
 * is whole or not there, and the library touches none. It holds the text and the lines of every
 * passage, an index of words (FTS5, BM25) and, where a model embeds, a vector of each. What an
 * index says of files is compared with them by size and time, then by SHA-256, at each update. A
 * file that is no such index is ERR_CORRUPT. */
#ifndef MOAT_WORK_DOCS_INDEX_H
#define MOAT_WORK_DOCS_INDEX_H

#include "base/buf.h"
#include "base/hash.h"
#include "work/docs_chunk.h"

struct docs_index;

struct docs_file {
    const char *path; /* absolute */
    int64_t mtime_ns;
    uint64_t bytes;
};

struct docs_passage {
    int64_t id;
    char path[4096], title[DOCS_TITLE];
    uint32_t first, last;
    char *text; /* owned */
    double score;
};

/* bytes: "" for a new one. embedder: what the vectors are made with (a digest of the model), ""
 * for none; vectors of another are dropped. */
struct docs_index *docs_index_open(struct str bytes, const char *embedder, struct err *e) MUST_USE;
void docs_index_close(struct docs_index *ix);
/* All of it, to be written to a file; *changed: something in it has. */
bool docs_index_bytes(struct docs_index *ix, struct buf *out, struct err *e) MUST_USE;
bool docs_index_changed(const struct docs_index *ix);

/* --- updating: all files, then what was not among them goes ------------------------------------
 */

/* *same: it is there with this size and time. */
bool docs_index_look(struct docs_index *ix, const struct docs_file *f, bool *same,
                     struct err *e) MUST_USE;
/* *same: its content is; then only its time is noted. Else its passages are to come anew. */
bool docs_index_begin(struct docs_index *ix, const struct docs_file *f, const struct hash *content,
                      bool *same, struct err *e) MUST_USE;
bool docs_index_add(struct docs_index *ix, const struct docs_chunk *c, struct err *e) MUST_USE;
bool docs_index_sweep(struct docs_index *ix, uint32_t *n_gone, struct err *e) MUST_USE;

/* --- vectors -----------------------------------------------------------------------------------
 */

/* The next passage without one; p->id 0: there is none. */
bool docs_index_bare(struct docs_index *ix, int64_t after, struct docs_passage *p,
                     struct err *e) MUST_USE;
bool docs_index_set_vector(struct docs_index *ix, int64_t id, const float *v, uint32_t n,
                           struct err *e) MUST_USE;

/* --- finding -----------------------------------------------------------------------------------
 */

struct docs_hit {
    int64_t id;
    double score; /* greater is better */
};
/* The best of them, best first: by words, or by the cosine with v [n] (of length 1). *found <=
 * most.
 */
bool docs_index_words(struct docs_index *ix, struct str question, struct docs_hit *hit,
                      uint32_t most, uint32_t *found, struct err *e) MUST_USE;
bool docs_index_near(struct docs_index *ix, const float *v, uint32_t n, struct docs_hit *hit,
                     uint32_t most, uint32_t *found, struct err *e) MUST_USE;
bool docs_index_get(struct docs_index *ix, int64_t id, struct docs_passage *p,
                    struct err *e) MUST_USE;
void docs_passage_clear(struct docs_passage *p);

/* How many passages and files there are. */
bool docs_index_count(struct docs_index *ix, uint64_t *passages, uint64_t *files,
                      struct err *e) MUST_USE;

#endif
