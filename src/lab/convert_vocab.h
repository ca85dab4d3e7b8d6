/* SPDX-License-Identifier: Apache-2.0 */
/* lab/convert_vocab: a vocabulary on its way from a tokenizer's files to tokenizer.ggml.*.
 *
 * One of the readers fills it: a token is put at its id, twice is refused, and ids that stay empty
 * become unused tokens. Texts live in the conversion's arena or in its JSON documents. */
#ifndef MOAT_LAB_CONVERT_VOCAB_H
#define MOAT_LAB_CONVERT_VOCAB_H

#include "base/map.h"
#include "lab/convert_private.h"
#include "text/vocab.h"

struct vocab_draft {
    struct conversion *c;
    const char *model;    /* tokenizer.ggml.model */
    const char *pre;      /* tokenizer.ggml.pre */
    uint32_t n, n_beyond; /* tokens; those left out because the embedding has no row for them */
    struct str *text;     /* [n]; p NULL: none yet */
    int32_t *type;        /* [n] enum token_type */
    float *score;         /* [n] */
    bool scored, spaced;  /* scores are written; blanks are marked "▁" */
    struct map by_text;
    struct str *merges;
    uint64_t n_merges;
    uint32_t unk; /* TOKEN_NONE where the files do not say */
};

bool vocab_draft_put(struct vocab_draft *d, uint64_t id, struct str text, enum token_type type,
                     float score, struct err *e) MUST_USE;

/* The readers: of tokenizer.json by its kind of model, and of other files. */
bool vocab_read_bpe(struct vocab_draft *d, const json_t *model, struct err *e) MUST_USE;
bool vocab_read_spm_bpe(struct vocab_draft *d, const json_t *model, struct err *e) MUST_USE;
bool vocab_read_unigram(struct vocab_draft *d, const json_t *model, struct err *e) MUST_USE;
bool vocab_read_wordpiece(struct vocab_draft *d, const json_t *model, struct err *e) MUST_USE;
bool vocab_read_wordlist(struct vocab_draft *d, struct str lines, struct err *e) MUST_USE;
bool vocab_read_sentencepiece(struct vocab_draft *d, struct str file, struct err *e) MUST_USE;

/* convert_pre.c: tokenizer.ggml.pre of a tokenizer.json; NULL: ERR_UNSUPPORTED. */
const char *convert_pre_name(const json_t *tokenizer, struct err *e) MUST_USE;
/* Whether any part of it (a pre_tokenizer, normalizer or decoder, with those of a Sequence) is of
 * this type; the first such part. */
const json_t *convert_find_part(const json_t *part, const char *type);

#endif
