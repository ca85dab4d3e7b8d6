/* SPDX-License-Identifier: Apache-2.0 */
/* text/vocab: the tokens of a model, read from GGUF metadata (tokenizer.ggml.*).
 *
 * Borrows token texts from the gguf, which must outlive it; read-only once made, so any number of
 * threads may use it. Guarantees every id it hands out is below n_tokens. What the file does not
 * say (which token is BOS, whether to add it) has the family's usual value. Refuses unknown
 * tokenizer models and pre-tokenizer names by name: never a silent fallback to another splitting
 * rule. Source: the GGUF specification; defaults as in llama.cpp. */
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
    const char *notice; /* gettext id: something its user should know; or NULL */
    struct vocab_private *private;
};

struct vocab *vocab_new(const struct gguf *g, struct err *e) MUST_USE;
void vocab_free(struct vocab *v);

/* The text as stored in the file; "" for an id that is none, as TOKEN_NONE. */
struct str vocab_text(const struct vocab *v, uint32_t id);
enum token_type vocab_type(const struct vocab *v, uint32_t id);
float vocab_score(const struct vocab *v, uint32_t id);
bool vocab_find(const struct vocab *v, struct str text, uint32_t *id); /* exact stored text */
bool vocab_ends_answer(const struct vocab *v, uint32_t id);            /* EOS, EOT and the like */

/* The bytes token id stands for: byte-level BPE unmapped, "▁" to a space, <0xXX> to its byte;
 * control and unknown tokens give nothing unless `special`, unused ones never. May be a part of a
 * UTF-8 character. */
struct str vocab_view(const struct vocab *v, uint32_t id, bool special);
void vocab_piece(const struct vocab *v, uint32_t id, bool special, struct buf *out); /* appends */

#endif
