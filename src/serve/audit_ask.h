/* SPDX-License-Identifier: Apache-2.0 */
/* serve/audit_ask: what is asked of a model is on record: before a token goes out, and again before
 * the last does.
 *
 * The record is sent before the job, and while the disk takes it the engine works on the prompt;
 * whatever it says is kept until `begin` is durable. The end, good or bad, waits for `end`. Of the
 * answers, hashes are kept as they come (or all of their text, by the log's settings). Where
 * nothing is recorded these functions let everything pass. */
#ifndef MOAT_SERVE_AUDIT_ASK_H
#define MOAT_SERVE_AUDIT_ASK_H

#include "base/buf.h"
#include "base/hash.h"
#include "serve/audit_line.h"

struct ask;
struct ask_answer;
struct exchange;
struct job_message;

struct audit_ask {
    struct audit_wait wait;
    struct buf early; /* what the engine says while the record is not durable */
    bool begun, ready, ending, failed;
    struct problem why; /* failed: with what */
};

struct audit_answer {
    struct hash_stream hash; /* of its text; ctx NULL: none yet */
    uint64_t bytes;
    struct buf part; /* of it that is not recorded yet, where all is to be */
    uint32_t parts;
};

/* Submits the job; takes nothing. False: *p. */
bool audit_ask_submit(struct ask *a, uint32_t i, json_t *job, struct problem *p) MUST_USE;
/* False: it is kept, and comes again when the request is on record. */
bool audit_ask_lets(struct ask_answer *w, const struct job_message *m) MUST_USE;
void audit_ask_text(struct ask_answer *w, struct str text);
/* All answers are there. True: whoever asks may say so to the client now; else it is said when the
 * record is durable. */
bool audit_ask_end(struct ask *a) MUST_USE;
/* It has failed; the same. */
bool audit_ask_fail(struct ask *a, const struct problem *why) MUST_USE;
void audit_ask_free(struct ask *a);

/* --- calls that change the store (an operator's) ---------------------------------------------- */

/* True: go on; else it goes on, or is refused, when the record is there. */
bool audit_call_begin(struct exchange *x) MUST_USE;
void audit_call_end(struct exchange *x, bool gone);

#endif
