/* SPDX-License-Identifier: Apache-2.0 */
/* serve/ask: what a dialect asks of an engine, in the words of none: one or more answers.
 *
 * A dialect reads its request, makes an ask with as many answers as it needs, submits a job for
 * each, and its functions are called as they come (struct ask_words). The ask belongs to the
 * exchange: it is freed, and what still runs is cancelled, when the exchange ends or its client
 * leaves. */
#ifndef MOAT_SERVE_ASK_H
#define MOAT_SERVE_ASK_H

#include "base/buf.h"
#include "run/job.h"
#include "serve/audit_ask.h"
#include "serve/engines.h"
#include "serve/exchange.h"

#define ASK_ANSWERS 2048u /* of one request: texts to embed */
#define ASK_WORDS   128u  /* and answers in words */
#define ASK_TEXT    (64u << 20)
#define ASK_LATE_S  15u /* after its deadline, an answer that has not ended is given up */

struct ask;

/* One answer in the making. */
struct ask_answer {
    struct ask *ask;
    uint32_t index;
    uint64_t job;               /* its id at the engine; 0: not under way */
    struct line *line;          /* that it is under way on */
    struct buf text, reasoning; /* all of it, where it is not streamed */
    json_t *calls; /* of tools, array of {"id", "name", "arguments": text, "cut"}; owned */
    struct buf call_id, arguments; /* of the call in progress, the last of them */
    struct buf cut;                /* the text of a call that the end of the answer cut */
    json_t *logprobs;              /* array, likewise; owned */
    json_t *result;                /* of a job whose answer is no text; owned */
    uint32_t n_prompt, n_cached, n_generated, n_reasoning;
    uint32_t n_guessed, n_right; /* tokens guessed ahead, and those that held */
    uint32_t n_seen;             /* tokens of those generated that have come by now */
    uint64_t asked_ns, seen_ns;  /* when it was asked for; when the last of them came, or 0 */
    double queue_s, prompt_s, first_token_s, decode_s;
    char finish[16]; /* struct job_done's: "end", "stop", "length", ...; "": not yet */
    char stop[64];   /* the stop sequence that ended it, cut to fit; "" for none */
    size_t said;     /* bytes already told to a client that streams */
    bool lost;       /* memory ended: what is kept here is not all of it */
    struct audit_answer audit;
};

/* How a dialect says what has come. */
struct ask_words {
    /* Streamed, or `parts`: a part with its tokens (logprobs: array or NULL, borrowed), and the end
     * of an answer. What `part` says of a call is in w->calls by then. */
    void (*part)(struct ask_answer *w, enum job_part part, struct str text, const json_t *logprobs);
    void (*end)(struct ask_answer *w);
    void (*whole)(struct ask *a);                           /* all are there: ends the exchange */
    void (*broken)(struct ask *a, const struct problem *p); /* amid a stream: ends the exchange */
};

struct ask {
    struct exchange *x;
    const struct ask_words *words;
    struct engine_slot *slot;
    uint32_t series;      /* of serve/stats */
    bool stream, begun;   /* begun: the head of the stream is out */
    bool parts;           /* the dialect takes the parts as they come, streamed or not */
    struct ask_answer *v; /* [n], owned */
    uint32_t n, n_ended;
    const char *param;        /* the field that the prompt stands in, for errors about it */
    const char *schema_param; /* likewise of a schema */
    struct audit_ask audit;

    /* of the dialect */
    bool include_usage, echo, base64;
    int top_logprobs; /* -1: none */
    uint32_t per_prompt;
    void *own; /* of this dialect alone, and how it ends */
    void (*own_free)(void *own);
};

/* Hangs it to the exchange; NULL: *p. */
struct ask *ask_new(struct exchange *x, struct engine_slot *slot, const struct ask_words *words,
                    uint32_t n, struct problem *p) MUST_USE;
/* Sends the job for answer i; takes it (NULL: memory was short). False: *p, and nothing was sent.
 */
bool ask_submit(struct ask *a, uint32_t i, json_t *job, struct problem *p) MUST_USE;
void ask_free(struct ask *a); /* cancels what runs */

/* Was it cut, by a limit of tokens, of the context or of time? */
bool ask_cut(const struct ask_answer *w);

/* The call that was begun or ended last; NULL: none was. */
const json_t *ask_call(const struct ask_answer *w);

/* What the engine says. Those that follow these two may end the exchange, and the ask with it. */
void ask_started(struct ask_answer *w);                /* its n_prompt and n_cached are known */
void ask_tokens(struct ask_answer *w, uint32_t n_new); /* so many more have come */
void ask_part(struct ask_answer *w, enum job_part part, struct str text, json_t *logprobs);
void ask_ended(struct ask_answer *w);
void ask_failed(struct ask_answer *w, const struct problem *p);
void ask_over(struct ask *a, const struct problem *p); /* says so to the client, and frees it */

/* Sums over the answers: prompts counted once each. */
void ask_usage(const struct ask *a, uint32_t *n_prompt, uint32_t *n_cached, uint32_t *n_generated);

#endif
