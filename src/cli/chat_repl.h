/* SPDX-License-Identifier: Apache-2.0 */
/* cli/chat_repl: a conversation at the terminal.
 *
 * Lines are messages; """ ... """ or a backslash at the end spans several; a pasted text is one
 * message. /commands are listed by /help. Ctrl-C stops an answer, gives up a line, and pressed
 * twice at an empty prompt leaves; so do Ctrl-D and /bye. */
#ifndef MOAT_CLI_CHAT_REPL_H
#define MOAT_CLI_CHAT_REPL_H

#include "cli/session.h"

/* system: NULL for none. history: whether lines are kept in a file. */
bool chat_repl(struct session *s, const char *system, bool history, struct err *e) MUST_USE;

#endif
