/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_answer: what the keeper says to one want.
 *
 *     {"id": .., "status": 200, "type": .., "size": .., "tag": .., "model": .., "headers": {..}}
 *                                                    and the open file, but where a head is enough
 *     {"id": .., "code": .., "error": .., "word": ..}
 *
 * "tag" is that of ETag, without quotes: the SHA-256 of what is sent. "word" is what Hugging Face
 * or a registry calls the error. */
#ifndef MOAT_SERVE_KEEPER_ANSWER_H
#define MOAT_SERVE_KEEPER_ANSWER_H

#include "serve/keeper.h"

/* tried: how the errand for it went (code ERR_NONE: well); NULL: there was none yet. */
void keeper_answer(struct keeper *k, json_int_t id, const struct want *w, const struct err *tried);
void keeper_refuse(struct keeper *k, json_int_t id, const struct err *e, const char *word);

#endif
