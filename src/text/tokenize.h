/* SPDX-License-Identifier: Apache-2.0 */
/* text/tokenize: bytes -> token ids, exactly as the model was trained. */
#ifndef MOAT_TEXT_TOKENIZE_H
#define MOAT_TEXT_TOKENIZE_H

#include "text/vocab.h"

struct tokens {
    uint32_t *id; /* owned */
    size_t n, cap;
};
void tokens_clear(struct tokens *t);
bool tokens_push(struct tokens *t, uint32_t id, struct err *e) MUST_USE;

/* Appends the ids of text. add_special: BOS/EOS (CLS/SEP) as the model's metadata says.
 * parse_special: text like "<|im_end|>" becomes that control token; otherwise only user-defined
 * tokens are matched and control tokens are plain text. Text over LIMIT_TEXT_BYTES is ERR_LIMIT. */
bool tokenize(const struct vocab *v, struct str text, bool add_special, bool parse_special,
              struct tokens *out, struct err *e) MUST_USE;

#endif
