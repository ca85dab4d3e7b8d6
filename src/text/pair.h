/* SPDX-License-Identifier: Apache-2.0 */
/* text/pair: a question and a passage as the one text that a model which ranks reads.
 *
 * A model that writes has a template for it (tokenizer.chat_template.rerank, with {query} and
 * {document}), whose special tokens are parsed, also in what is put there, as in a chat. An encoder
 * has both between its special tokens: [CLS] question [SEP] passage [SEP], or, in the RoBERTa
 * family, <s> question </s></s> passage </s> (Devlin et al. 2018, Liu et al. 2019). */
#ifndef MOAT_TEXT_PAIR_H
#define MOAT_TEXT_PAIR_H

#include "gguf/gguf.h"
#include "text/tokenize.h"

struct pair {
    struct str template;    /* in the gguf; n 0: none */
    size_t query, document; /* where they stand in it */
};

/* ERR_CORRUPT for a template that does not hold both, once each. */
bool pair_open(struct pair *p, const struct gguf *g, struct err *e) MUST_USE;
/* Appends the ids. *n_first: those of the question and what is around it, in an encoder; with a
 * template all of them. */
bool pair_tokenize(const struct pair *p, const struct vocab *v, struct str question,
                   struct str passage, struct tokens *out, uint32_t *n_first,
                   struct err *e) MUST_USE;

#endif
