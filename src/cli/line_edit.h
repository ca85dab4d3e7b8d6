/* SPDX-License-Identifier: Apache-2.0 */
/* cli/line_edit: one line at a time from the terminal, with editing and history (libedit).
 *
 * A pasted text arrives as one line, its newlines kept (bracketed paste). Ctrl-C gives up the line
 * and is reported; a resize redraws; SIGTERM and SIGHUP end the reading so that the terminal is put
 * back. History lives in a file of one entry a line (newlines written as \n), readable by its owner
 * only; entries are appended as they come, so two chats at once lose nothing. */
#ifndef MOAT_CLI_LINE_EDIT_H
#define MOAT_CLI_LINE_EDIT_H

#include "base/buf.h"

enum line_result {
    LINE_OK,
    LINE_END,       /* Ctrl-D on an empty line, or the terminal is gone */
    LINE_INTERRUPT, /* Ctrl-C; *line holds what had been typed */
};

/* Completion: offers words that could stand in place of `word`, the text before the cursor. */
typedef void line_complete_fn(struct str word, void (*offer)(void *arg, const char *word),
                              void *arg);

struct line_edit;

/* Between new and free, SIGINT, SIGTERM, SIGHUP and SIGWINCH belong to this module and
 * cli/interrupt. history: a file, or NULL to keep none; that it cannot be read is no error. */
struct line_edit *line_edit_new(const char *history, line_complete_fn *complete,
                                struct err *e) MUST_USE;
void line_edit_free(struct line_edit *l);

enum line_result line_edit_read(struct line_edit *l, const char *prompt, struct buf *line);
void line_edit_remember(struct line_edit *l, struct str entry);

/* "$XDG_STATE_HOME/moat/NAME", its directory made; false when there is no home for it. */
bool line_edit_state_path(char out[4096], const char *name);

#endif
