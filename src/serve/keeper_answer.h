/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_answer: what the keeper says to one want.
 *
 *     {"id": .., "status": 200, "type": .., "size": .., "tag": .., "model": .., "headers": {..}}
 *                                                                       and the open file
 *     {"id": .., "code": .., "error": .., "word": ..}
 *
 * "tag" is that of ETag, without quotes: the SHA-256 of what is sent. "word" is what Hugging Face
 * calls the error. */
#ifndef MOAT_SERVE_KEEPER_ANSWER_H
#define MOAT_SERVE_KEEPER_ANSWER_H

#include "base/hash.h"
#include "serve/keeper.h"

/* again: an errand for it has been run, and went well. */
void keeper_answer(struct keeper *k, json_int_t id, const struct want *w, bool again);
void keeper_refuse(struct keeper *k, json_int_t id, const struct err *e, const char *word);

/* serve/keeper_leaves: the hashes of a file's leaves, which are computed once and kept beside the
 * blobs as leaves/sha256-HEX. -1: not there yet. */
int leaves_open(const struct store *s, const struct digest *d);
/* Their root as 64 digits; fd -1 gives "". */
bool leaves_root(int fd, char hex[2 * HASH_BYTES + 1], struct err *e) MUST_USE;
/* An errand. ERR_CORRUPT: the blob's bytes are not those of its name. */
struct leaves_job {
    const struct store *store;
    struct digest digest;
};
errand_fn leaves_make;

#endif
