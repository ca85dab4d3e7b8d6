/* SPDX-License-Identifier: Apache-2.0 */
/* cli/webhook: tells an address on this machine or in its private networks, by POST, of what a
 * command has found.
 *
 * The command itself has no network (cli/isolate). So before it enters its sandbox a process is
 * forked that knows the address, takes texts over a pipe, and has the fetch role send each; that
 * role connects to nothing outside, whatever a name resolves to, follows no redirect and uses no
 * proxy. What a hostile log makes of the command can send text to that one address, and no more. */
#ifndef MOAT_CLI_WEBHOOK_H
#define MOAT_CLI_WEBHOOK_H

#include "base/buf.h"

struct webhook {
    int pid, to, from; /* pid 0: none */
    const char *url;   /* borrowed */
};

/* Before the command's sandbox, and before threads. token_file: or NULL. */
bool webhook_open(struct webhook *w, const char *url, const char *token_file,
                  struct err *e) MUST_USE;
/* One JSON text; waits for the answer. ERR_DENIED: the address lies outside. */
bool webhook_send(const struct webhook *w, struct str json, struct err *e) MUST_USE;
void webhook_close(struct webhook *w); /* takes a zeroed one */

#endif
