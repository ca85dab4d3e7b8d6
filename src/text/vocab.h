/* SPDX-License-Identifier: Apache-2.0 */
/* text/vocab: the tokens of a model, read from GGUF metadata (tokenizer.ggml.*).
 *
 * Borrows token bytes from the gguf, which must outlive it. Guarantees every id it hands out is
 * below n_tokens. Refuses unknown tokenizer models and pre-tokenizer names by name: never a silent
 * fallback to another splitting rule. */
#ifndef MOAT_TEXT_VOCAB_H
#define MOAT_TEXT_VOCAB_H

#include "base/buf.h"
#include "gguf/gguf.h"

enum vocab_kind { VOCAB_BPE, VOCAB_SPM, VOCAB_WORDPIECE, VOCAB_UNIGRAM };

enum token_type { /* tokenizer.ggml.token_type */
                  TOKEN_NORMAL = 1,
                  TOKEN_UNKNOWN,
                  TOKEN_CONTROL,
                  TOKEN_USER,
                  TOKEN_UNUSED,
                  TOKEN_BYTE
};

#define TOKEN_NONE UINT32_MAX

struct vocab {
    enum vocab_kind kind;
    uint32_t n_tokens;
    uint32_t bos, eos, eot, eom, unk, pad, sep, cls, mask; /* TOKEN_NONE where the model has none */
    uint32_t fim_pre, fim_suf, fim_mid, fim_pad, fim_rep, fim_sep;
    bool add_bos, add_eos, add_sep, add_space_prefix, ignore_merges, remove_extra_spaces;
    struct vocab_private *private;
};

struct vocab *vocab_new(const struct gguf *g, struct err *e) MUST_USE;
void vocab_free(struct vocab *v);

struct str vocab_text(const struct vocab *v, uint32_t id); /* as stored in the file */
enum token_type vocab_type(const struct vocab *v, uint32_t id);
float vocab_score(const struct vocab *v, uint32_t id);
bool vocab_find(const struct vocab *v, struct str text, uint32_t *id); /* exact stored text */
bool vocab_ends_answer(const struct vocab *v, uint32_t id);            /* EOS, EOT and the like */

/* Appends the bytes token id stands for: byte-level BPE unmapped, "▁" to a space, <0xXX> to its
 * byte; control tokens give nothing unless `special`. May be a part of a UTF-8 character. */
void vocab_piece(const struct vocab *v, uint32_t id, bool special, struct buf *out);

#endif
