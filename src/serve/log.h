/* SPDX-License-Identifier: Apache-2.0 */
/* serve/log: one line of JSON on standard error for each request and each change of the server.
 *
 * Lines hold names, counts and times, and never a word of what was asked or answered: neither
 * fields of a request nor messages of errors, which may quote them. The one exception is the name
 * of a field that is not known (serve/known): cut to 40 letters, digits and the like, each once.
 * What could act on a terminal that shows them (control characters, bidi marks) is escaped. */
#ifndef MOAT_SERVE_LOG_H
#define MOAT_SERVE_LOG_H

#include "base/err.h"

struct exchange;

void log_exchange(const struct exchange *x, bool gone);
void log_refusal(const char *id, int status, enum err_code code);
/* What the server does: an event's name and a few words of its own. */
void log_event(const char *event, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
