/* SPDX-License-Identifier: Apache-2.0 */
/* run/job: the line between the front and an engine: what is said on it, and how it is written.
 *
 * A message is a head of 16 bytes (bytes of the payload u32, kind u16, 0 u16, id u64, little
 * endian) and a payload. The id is the job's, chosen by the front, not 0 and not used twice on a
 * line; messages that belong to no job have 0. A reader takes bytes as they come and gives whole
 * messages; whatever is not one (an unknown kind, a length beyond the kind's limit) is ERR_CORRUPT
 * and ends the line. A payload that is wrong inside is an error of that message only.
 *
 * JOB_SUBMIT is the JSON text of an object:
 *   task         "chat" "text" "infill" "embed" "rank" "tokenize" "detokenize" "template"
 *   settings     object, keys of run/settings, over those the engine was started with
 *   messages tools template_kwargs   chat, template (count: its tokens): as chat_render has them
 *   tool_choice  chat: "auto" (the default) or "required": a call must be made
 *   tool_only    chat: the tool to call; parallel_tool_calls: false is one call at most
 *   prompt       text or ids (tokenize: text; detokenize: ids); infill: in front; rank: and passage
 *   suffix       infill: what is behind; file: its name; files: others, [{name text}]; repository
 *   schema       a JSON Schema (object or true), or grammar: GBNF text: what the answer must be
 *   logprobs     how many alternatives to a token are told (0 to JOB_LOGPROBS); absent: none
 *   choice       which of several answers to one prompt, from 0: added to a seed that was given
 *   stream       false: the text may come in fewer and longer pieces
 *   deadline_ms  from its arrival; 0 or absent: none
 *   priority     -10 to 10, higher first; one level is worth ten seconds of waiting
 *   tenant       text: what is computed for one is not reused for another; lora: [{id scale}] of
 *                adapters, others have 0; absent: as they were loaded
 *   add_special parse_special        tokenize: as in text/tokenize; false, true
 * Other keys are passed over. Each job ends with one JOB_DONE, JOB_RESULT or JOB_ERROR, and nothing
 * after it, also where it is cancelled. Payloads from the engine:
 *   JOB_PLAN     JSON: "least" and "most" bytes it can work with; JOB_GRANT answers: JSON, "bytes"
 *   JOB_LOADING  JSON: "done" and "total" bytes of weights that are packed; of no job, now and then
 *   JOB_READY    JSON: what the model is and can do (`facts` of run/engine_role.c), memory by kind
 *   JOB_STARTED  n_prompt u32, n_reused u32
 *   JOB_TEXT     struct job_text: whole UTF-8 characters, and the tokens they came from
 *   JOB_RESULT   JSON: {"embedding":[..]} (of length 1), {"score":0 to 1,"logit"}, {"tokens":[..]},
 *                {"content":".."}, {"prompt":".."}; with "n_prompt" where tokens were read
 *   JOB_DONE, JOB_ERROR  JSON of struct job_done, job_error (of no job: why there is no engine)
 *   JOB_STATS    JSON: of the whole engine, "slots": [{id (0: idle) n_tokens n_prompt n_generated
 *                decoding}]. Of no job: unasked, without slots, when numbers change */
#ifndef MOAT_RUN_JOB_H
#define MOAT_RUN_JOB_H

#include <jansson.h>

#include "base/buf.h"

#define JOB_HEAD      16u
#define JOB_MOST      (64u << 20) /* bytes of a payload, of the kinds that may be long */
#define JOB_MOST_FEW  (4u << 20)  /* of the others */
#define JOB_LOGPROBS  20u
#define JOB_TEXT_HEAD 16u

enum job_kind {
    JOB_SUBMIT = 1, /* to the engine */
    JOB_CANCEL,
    JOB_PAUSE, /* its reader is slow: no more of its text for now */
    JOB_RESUME,
    JOB_STATS, /* and back */
    JOB_GRANT,
    JOB_SHUTDOWN,
    JOB_READY, /* from it */
    JOB_PLAN,
    JOB_STARTED,
    JOB_TEXT,
    JOB_DONE,
    JOB_RESULT,
    JOB_ERROR,
    JOB_LOADING,
    JOB_KINDS
};

struct job_message {
    enum job_kind kind;
    uint64_t id;
    struct str payload; /* borrowed: until the next call for its reader */
};

/* What a piece of text belongs to. A call of a tool is JOB_CALL, any number of JOB_ARGUMENTS, and
 * JOB_CALL_END or, where the answer was cut in it, JOB_CALL_CUT. */
enum job_part {
    JOB_CONTENT,
    JOB_REASONING,
    JOB_CALL_ID,   /* the id that the model wrote for the call that comes, if it wrote one */
    JOB_CALL,      /* a call begins: the tool's name */
    JOB_ARGUMENTS, /* a piece of the JSON object */
    JOB_CALL_END,  /* the call is whole: no text */
    JOB_CALL_CUT,  /* it is none; the text is all that was written for it */
    JOB_PARTS
};

struct job_text {
    enum job_part part;
    struct str text;          /* may be "": tokens whose text is kept back */
    const unsigned char *ids; /* [n_ids] token ids u32; job_text_id reads one */
    uint32_t n_ids;
    struct str logprobs; /* "" or JSON: array of {id token bytes logprob top:[{the same}]} */
};

struct job_done {
    char finish[16]; /* "end" "stop" "length" "context" "cancelled" "deadline" */
    char stop[64];   /* the stop sequence, cut to fit */
    uint32_t n_prompt, n_reused, n_generated;
    uint32_t n_guessed, n_right; /* tokens guessed ahead, and those that held */
    double queue_s, prompt_s, first_token_s, decode_s;
    uint64_t seed;
    /* Where the prompt left the most similar one that was kept, and how it goes on there: what a
     * client must keep the same for the rest to be reused. differs is "" where nothing was lost. */
    uint32_t n_same;
    char differs[64];
};

struct job_error {
    struct err err;
    char field[32];           /* key of the job that is at fault, or "" */
    uint32_t retry_s;         /* ERR_BUSY: when it may be worth to ask again */
    uint32_t n_prompt, n_ctx; /* a prompt too long: both counts, else 0 */
};
/* --- writing: appended to out, whose buf_ok tells of failures -------------------------------- */
void job_put(struct buf *out, enum job_kind kind, uint64_t id, struct str payload);
void job_put_json(struct buf *out, enum job_kind kind, uint64_t id, const json_t *j);
void job_put_started(struct buf *out, uint64_t id, uint32_t n_prompt, uint32_t n_reused);
/* ids in the machine's own form here. */
void job_put_text(struct buf *out, uint64_t id, enum job_part part, struct str text,
                  const uint32_t *ids, uint32_t n_ids, struct str logprobs);
void job_put_done(struct buf *out, uint64_t id, const struct job_done *d);
void job_put_error(struct buf *out, uint64_t id, const struct job_error *p);

/* --- reading --------------------------------------------------------------------------------- */
struct job_reader {
    struct buf in;
    size_t at;
    bool to_engine; /* which kinds are expected */
};

void job_reader_init(struct job_reader *r, bool to_engine);
void job_reader_clear(struct job_reader *r);
/* Give what has come, then take all messages; so no more is held than one message and one piece. */
bool job_feed(struct job_reader *r, const void *p, size_t n, struct err *e) MUST_USE;
/* *got: a whole message was there. False: the line is broken. */
bool job_next(struct job_reader *r, struct job_message *m, bool *got, struct err *e) MUST_USE;

/* What is in a payload: ERR_CORRUPT where it is none. */
json_t *job_json(const struct job_message *m, struct err *e) MUST_USE;
bool job_started(const struct job_message *m, uint32_t *n_prompt, uint32_t *n_reused,
                 struct err *e) MUST_USE;
bool job_text(const struct job_message *m, struct job_text *t, struct err *e) MUST_USE;
uint32_t job_text_id(const struct job_text *t, uint32_t i);
bool job_done(const struct job_message *m, struct job_done *d, struct err *e) MUST_USE;
bool job_error(const struct job_message *m, struct job_error *p, struct err *e) MUST_USE;

#endif
