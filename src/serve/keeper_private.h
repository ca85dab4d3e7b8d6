/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_private: one question to the keeper, and what its files share to answer it.
 *
 * keeper_answer has our own paths, keeper_hub those of Hugging Face, keeper_registry those of a
 * registry, keeper_leaves the hashes of leaves, keeper_send what goes back. Each returns false with
 * *e set where the answer is an error; true where one was sent, or where the client waits for an
 * errand. */
#ifndef MOAT_SERVE_KEEPER_PRIVATE_H
#define MOAT_SERVE_KEEPER_PRIVATE_H

#include "base/buf.h"
#include "base/hash.h"
#include "serve/keeper.h"
#include "serve/listing.h"

struct asked {
    struct keeper *k;
    json_int_t id;
    const struct want *w;
    const struct err *tried; /* how the errand for it went; NULL: there was none yet */
    const char *word;        /* of Hugging Face and registries, for an error */
};

/* --- keeper_send --- */
/* For the record (serve/audit_line), where there is one: what an errand does. */
void keeper_note(struct keeper *k, const char *phase, const struct errand *w, const char *what);
/* Takes headers (NULL: none). */
bool send_text(const struct asked *a, const struct buf *text, const char *type, json_t *headers,
               struct err *e) MUST_USE;
bool send_json(const struct asked *a, json_t *j, struct err *e) MUST_USE; /* takes j */
bool send_blob(const struct asked *a, const struct manifest *m, json_t *headers,
               struct err *e) MUST_USE;
/* A file that is not here yet: what its head says. */
bool send_head(const struct asked *a, const struct listing_file *f, json_t *headers) MUST_USE;
/* Takes fd. */
bool send_open(const struct asked *a, int fd, uint64_t size, const char *tag) MUST_USE;
bool no_model(const struct asked *a, struct err *e);

/* --- keeper_leaves: kept beside the blobs as leaves/sha256-HEX, made once by an errand --- */
/* In *fd, or -1: the client waits. */
bool need_leaves(const struct asked *a, const struct digest *d, int *fd, struct err *e) MUST_USE;
/* Their root as 64 digits. */
bool leaves_root(int fd, char hex[2 * HASH_BYTES + 1], struct err *e) MUST_USE;

/* Removes hashes of files that are gone, and what upstream said long ago. */
void keeper_sweep(const struct store *s);

/* --- keeper_through: from upstream --- */
/* What upstream has at this repository and revision. *waits: the client does. False without *waits:
 * it has nothing, or is not asked. */
bool need_listing(struct asked *a, enum listing_kind kind, struct listing *l, bool *waits,
                  struct err *e) MUST_USE;
/* The client waits until the file is here. */
bool need_pull(const struct asked *a, const struct listing *l, const struct listing_file *f,
               struct err *e) MUST_USE;

bool answer_hub(struct asked *a, struct err *e) MUST_USE;
bool answer_registry(struct asked *a, struct err *e) MUST_USE;

#endif
