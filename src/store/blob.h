/* SPDX-License-Identifier: Apache-2.0 */
/* store/blob: files named by their SHA-256.
 *
 * A writer fills a file under a temporary name, hashing what it writes; blob_commit gives it its
 * place. Until then nobody can see it, and blob_abort (or the death of the process, and the next
 * sweep) leaves nothing behind. Blobs are read-only files. */
#ifndef MOAT_STORE_BLOB_H
#define MOAT_STORE_BLOB_H

#include "base/hash.h"
#include "base/os.h"
#include "store/store.h"

enum { DIGEST_HEX = 64 };

struct digest {
    char hex[DIGEST_HEX + 1]; /* lower case */
};

/* 64 hex digits, or "sha256:" and them; upper case is taken too. */
bool digest_parse(struct digest *d, struct str text, struct err *e) MUST_USE;
void digest_from_hash(struct digest *d, const struct hash *h);
void digest_to_hash(const struct digest *d, struct hash *h);
bool digest_of(struct digest *d, struct str bytes, struct err *e) MUST_USE;

struct blob_writer {
    const struct store *store;
    struct os_atomic_file file;
    void *hash; /* EVP_MD_CTX */
    uint64_t n; /* bytes so far */
};

/* size: what will be written, as far as known (0: not); too little disk space is an error now. */
bool blob_begin(struct blob_writer *w, const struct store *s, uint64_t size,
                struct err *e) MUST_USE;
bool blob_write(struct blob_writer *w, const void *p, size_t n, struct err *e) MUST_USE;
/* The whole of a regular file of `size` bytes: shares its blocks where the file system can
 * (*shared), copies otherwise. */
bool blob_copy(struct blob_writer *w, int fd, const char *name, uint64_t size,
               const struct store_progress *progress, bool *shared, struct err *e) MUST_USE;
/* The digest of what was written; then commit or abort. */
bool blob_digest(struct blob_writer *w, struct digest *d, struct err *e) MUST_USE;
bool blob_commit(struct blob_writer *w, const struct digest *d, struct err *e) MUST_USE;
void blob_abort(struct blob_writer *w); /* also after commit: then it only frees */

int blob_open(const struct store *s, const struct digest *d,
              struct err *e) MUST_USE; /* -1: error */
/* The file of that digest to path, whole and verified or not at all; *shared: its blocks are. */
bool blob_export(const struct store *s, const struct digest *d, uint64_t size, const char *path,
                 const struct store_progress *progress, bool *shared, struct err *e) MUST_USE;
/* The digest of all of an open file. */
bool blob_hash(int fd, const char *name, const struct store_progress *progress, struct digest *d,
               struct err *e) MUST_USE;

/* With the store locked: removes what nobody needs. *freed: bytes of blobs no manifest names. A
 * manifest that cannot be read keeps every blob alive. */
bool blob_sweep(const struct store *s, uint64_t *freed, struct err *e) MUST_USE;

#endif
