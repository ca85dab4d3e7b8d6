/* SPDX-License-Identifier: Apache-2.0 */
/* text/mask_plain: the tokens that consist of characters of one set only, found
 * once for the set.
 *
 * Most tokens are plain text: where any run of such characters leads on, as
 * inside of a JSON text, they are allowed by their length alone, and only what
 * leaves the set is walked over. */
#ifndef MOAT_TEXT_MASK_PLAIN_H
#define MOAT_TEXT_MASK_PLAIN_H

#include "text/token_tree.h"

struct mask_plain_exit {
    uint32_t node;   /* of the tree: with its byte a token leaves the set, or may */
    uint32_t n_char; /* characters of the set before it */
};

struct mask_plain {
    uint64_t ascii[2];    /* the set: characters below 0x80, */
    bool others;          /* and all from there on */
    uint32_t (*range)[2]; /* [n_range] tokens id[from .. to) of the tree lie in
                             the set */
    uint32_t *half; /* [n_half] tokens cut inside of their last character, otherwise in the set */
    struct mask_plain_exit *exit; /* [n_exit] */
    size_t n_range, range_cap, n_half, half_cap, n_exit, exit_cap;
};

bool mask_plain_make(struct mask_plain *p, const struct token_tree *t, const uint64_t ascii[2],
                     bool others, struct err *e) MUST_USE;
void mask_plain_clear(struct mask_plain *p);

#endif
