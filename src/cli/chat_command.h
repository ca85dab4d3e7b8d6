/* SPDX-License-Identifier: Apache-2.0 */
/* cli/chat_command: the /commands of a conversation, one row each. */
#ifndef MOAT_CLI_CHAT_COMMAND_H
#define MOAT_CLI_CHAT_COMMAND_H

#include "cli/session.h"
#include "cli/talk.h"

struct chat_state {
    struct session *session;
    struct talk talk;
    bool leaving;
};

/* True when the line is a command ("/word ..."), and not a message like "/etc/fstab is what?". */
bool chat_is_command(struct str line);
/* Errors are shown here: a mistake ends no conversation. */
void chat_command(struct chat_state *c, struct str line);
void chat_complete(struct str word, void (*offer)(void *arg, const char *word), void *arg);

/* A file name, "~/" meaning the home directory. */
bool chat_file_name(struct str arg, char path[4096], struct err *e) MUST_USE;

/* The conversation and what was computed of it; a line says what was done. */
bool chat_load_state(struct chat_state *c, const char *path, struct err *e) MUST_USE;
bool chat_save_state(const struct chat_state *c, const char *path, struct err *e) MUST_USE;

/* A dimmed line on stderr. */
void chat_say(const char *fmt, ...) PRINTF_LIKE(1, 2);
void chat_say_error(const struct err *e);

#endif
