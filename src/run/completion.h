/* SPDX-License-Identifier: Apache-2.0 */
/* run/completion: one answer in the making: from logits to the next token, and to text.
 *
 * Whoever computes (run/generate for one, run/schedule for many) gives the logits behind the tokens
 * so far and gets the token that follows, until the answer is over; the text that is certain by
 * then is in `shown`, which the caller empties. It neither knows nor holds the sequence. */
#ifndef MOAT_RUN_COMPLETION_H
#define MOAT_RUN_COMPLETION_H

#include "run/breakers.h"
#include "run/loaded.h"
#include "run/stop.h"
#include "text/detok.h"
#include "text/token_mask.h"

enum finish {
    FINISH_END,       /* the model ended its answer */
    FINISH_STOP,      /* a stop sequence */
    FINISH_LENGTH,    /* max_tokens */
    FINISH_CONTEXT,   /* the context is full */
    FINISH_CANCELLED, /* by whoever asked */
    FINISH_DEADLINE,  /* the time given for it is over */
};
const char *finish_name(enum finish f); /* "end" "stop" ... */

struct completion {
    const struct loaded *l; /* borrowed */
    struct sampler *sampler;
    struct token_mask *mask; /* NULL: any token may follow */
    struct breakers breakers;
    struct detok detok;
    struct stop stop;
    struct buf text;  /* whole characters from the last token */
    struct buf shown; /* the part of it that no stop sequence can swallow */
    uint32_t n_ctx, max_tokens, n_generated;
    bool endless;  /* context_shift: a full context does not end it */
    double mask_s; /* what the grammar took */
    uint64_t seed;
    enum finish finish;
    char stopped[64]; /* FINISH_STOP: the sequence, cut to fit */
};

/* owner: who may notice that the grammar has bound an answer before (text/mask_cache); "" of a
 * program of one user. Borrows the settings' stop sequences and grammar until completion_clear,
 * which follows also a failure. The first grammar of a model makes l->masks: one thread at a time.
 */
bool completion_start(struct completion *c, struct loaded *l, const struct settings *s,
                      const struct tokens *prompt, struct str owner, struct err *e) MUST_USE;
void completion_clear(struct completion *c);

/* The token behind n_tokens tokens, whose logits [n_vocab] these are; different completions may
 * choose at once. Then what becomes of it: *over: it ended the answer (c->finish says why) and need
 * not be computed. */
bool completion_choose(struct completion *c, const float *logits, uint32_t n_tokens, uint32_t *id,
                       struct err *e) MUST_USE;
void completion_take(struct completion *c, uint32_t n_tokens, uint32_t id, bool *over);
/* How many tokens may still come behind n_tokens; the last of them need not be computed. */
uint32_t completion_left(const struct completion *c, uint32_t n_tokens);
/* Nothing will follow: what was kept back is shown, unless the answer was cut on purpose. */
void completion_end(struct completion *c);

#endif
