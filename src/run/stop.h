/* SPDX-License-Identifier: Apache-2.0 */
/* run/stop: stop sequences in text that arrives in pieces.
 *
 * Give it whole UTF-8 characters as they come; it passes on what can no longer be the beginning of
 * a stop sequence and keeps the rest back. What is passed on before a match is exactly the text in
 * front of the sequence that is complete first (the longest, where several end at once).
 * Linear: every byte is looked at once per sequence (Knuth-Morris-Pratt), however many repeat. */
#ifndef MOAT_RUN_STOP_H
#define MOAT_RUN_STOP_H

#include <stdint.h>

#include "base/buf.h"

struct stop_sequence {
    struct str text;        /* borrowed from stop_init */
    const uint32_t *border; /* [text.n] longest proper prefix that ends at each byte; owned */
    uint32_t matched;       /* bytes of it that stand at the end of what has arrived */
};

struct stop {
    struct stop_sequence *v; /* owned */
    uint32_t n;
    struct buf held;   /* not yet passed on: a possible beginning of a sequence */
    const char *found; /* the sequence that ended the text, or NULL */
};

/* texts [n] are borrowed until stop_clear, none is empty; n and their lengths as in limits.h. */
bool stop_init(struct stop *s, char *const *texts, uint32_t n, struct err *e) MUST_USE;
void stop_clear(struct stop *s);

/* Appends to `out` what is certain by now. Returns the stop sequence when one is complete: the
 * text ends there, and further pieces are dropped. */
const char *stop_push(struct stop *s, struct str piece, struct buf *out);
/* The text has ended without one: passes on what was kept back. */
void stop_flush(struct stop *s, struct buf *out);

#endif
