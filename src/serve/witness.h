/* SPDX-License-Identifier: Apache-2.0 */
/* serve/witness: takes the checkpoints of the audit log to other machines, through the fetch role.
 *
 * The auditor writes them into the spool (guard/audit_witness) and dials nowhere. A process of a
 * server's own (witness_main), or moat audit send, posts what waits there to the addresses of the
 * log's settings: lines of text, as docs/AUDIT-FORMAT.md section 7 has them, by POST; to an address
 * that ends with a slash by PUT, into a file of their own behind it. What a machine does not take
 * stays, and is tried again. That a machine takes them proves nothing here: it is asked for them
 * when the log is verified. */
#ifndef MOAT_SERVE_WITNESS_H
#define MOAT_SERVE_WITNESS_H

#include <stdatomic.h>

#include "guard/audit_sent.h"
#include "serve/config.h"

/* Addresses that may be witnesses: no user or password, which would stand in the settings. */
bool witness_address(const char *url, struct err *e) MUST_USE;

/* What waits for the i-th machine. *lines: how many it has taken; 0: nothing waited. False: it has
 * not, *e says why; ERR_CORRUPT: it says that the log contradicts what it knows. `sent` is changed
 * and not written. */
bool witness_send(const char *dir, const struct audit_settings *s, struct audit_sent *sent,
                  uint32_t i, const atomic_bool *stop, size_t *lines, struct err *e) MUST_USE;

/* The lines that a witness has of this log, into a file in memory, as an argument of audit_verify:
 * /proc/self/fd/N; the descriptor is *fd. */
bool witness_fetch(const char *url, const struct hash *log, const struct audit_settings *s, int *fd,
                   struct err *e) MUST_USE;

/* The process of a server: sends until the line to its supervisor ends, and then once more. Enters
 * the sandbox of the auditor: it opens no connection itself. Returns the exit status. */
int witness_main(int supervisor, const struct config *config, const char *token_file);

#endif
