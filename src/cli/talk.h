/* SPDX-License-Identifier: Apache-2.0 */
/* cli/talk: a conversation: what has been said, the prompt it makes, saving and loading.
 *
 * With a chat template it is a list of messages; without one ("raw") it is a running text that the
 * model continues. A saved conversation is a JSON object
 *     {"format":"moat-chat","version":1,"model":..,"system":..,"messages":[{"role","content"}..]}
 * ("text" instead of "messages" for raw; calls of tools and their results as OpenAI has them, but
 * with arguments as objects). A plain array of messages can be loaded too. */
#ifndef MOAT_CLI_TALK_H
#define MOAT_CLI_TALK_H

#include <jansson.h>

#include "base/buf.h"
#include "cli/answer.h"
#include "text/chat.h"

struct talk {
    const struct chat *chat; /* NULL: raw; borrowed */
    const json_t *tools;     /* that the template shows; borrowed, or NULL */
    json_t *messages;        /* of user, assistant and tools, without the system message */
    char *system;            /* owned, or NULL */
    struct buf text;         /* raw: all so far */
    size_t before;           /* messages, or raw: bytes, before the last talk_ask */
    uint32_t n_renewed;      /* how often another conversation took the place of this one */
};

bool talk_init(struct talk *t, const struct chat *chat_or_raw, struct err *e) MUST_USE;
void talk_clear(struct talk *t);  /* frees */
void talk_forget(struct talk *t); /* a new conversation; the system message stays */

/* NULL or "" removes it. Refused where there is no template to place it. */
bool talk_set_system(struct talk *t, const char *system, struct err *e) MUST_USE;

/* Adds the user's words; the prompt for the model is written to out. Undone by talk_take_back. */
bool talk_ask(struct talk *t, struct str words, struct buf *prompt, struct err *e) MUST_USE;
void talk_take_back(struct talk *t);
/* Adds the answer: as the model wrote it where its template reads that again, else its content, its
 * reasoning as reasoning_content, and its calls as tool_calls. */
bool talk_answered(struct talk *t, const struct answer *a, struct err *e) MUST_USE;
/* Adds what a call of that answer (one of answer.calls) gave; then the prompt for the next answer.
 */
bool talk_result(struct talk *t, const json_t *call, struct str text, struct err *e) MUST_USE;
bool talk_go_on(struct talk *t, struct buf *prompt, struct err *e) MUST_USE;

size_t talk_count(const struct talk *t); /* messages; raw: bytes */

/* The conversation as JSON, and back; `where` is for messages. A failed read changes nothing. */
bool talk_write(const struct talk *t, const char *model, struct buf *out, struct err *e) MUST_USE;
bool talk_read(struct talk *t, struct str json, const char *where, struct err *e) MUST_USE;

/* Saving replaces only a file that is a saved conversation. A failed load changes nothing. */
bool talk_save(const struct talk *t, const char *model, const char *path, struct err *e) MUST_USE;
bool talk_load(struct talk *t, const char *path, struct err *e) MUST_USE;

#endif
