/* SPDX-License-Identifier: Apache-2.0 */
/* cli/saved_state: a conversation with all that was computed of it, as one file (run/state): going
 * on costs only what is new. */
#ifndef MOAT_CLI_SAVED_STATE_H
#define MOAT_CLI_SAVED_STATE_H

#include "cli/session.h"
#include "cli/talk.h"

/* The talk's place is NULL for a single prompt: then what the file held besides is in `attached`,
 * which saving writes back. */
bool saved_state_write(const struct session *s, const struct talk *t, const struct buf *attached,
                       const char *path, struct err *e) MUST_USE;
bool saved_state_read(const struct session *s, struct talk *t, struct buf *attached,
                      const char *path, struct err *e) MUST_USE;

/* False where there is no file of the name yet. */
bool saved_state_exists(const char *path);

#endif
