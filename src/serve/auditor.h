/* SPDX-License-Identifier: Apache-2.0 */
/* serve/auditor: the role that writes the audit log of a server (guard/audit).
 *
 * Packets (serve/packet) come from the front and from the supervisor: {"record": {..}} with "id"
 * where somebody waits until it is durable, and "begins" where it is of new work, which is refused
 * when the disk is nearly full. What has come meanwhile is one flush; then the front gets
 * {"ok": [ids]} or {"no": [ids], "code", "error"}. It parses nothing of the outside but these
 * records, holds no socket of the network, and lives on when the front falls. It ends when the
 * supervisor does, after all that was sent before; and when the log cannot be written any more: the
 * next one tries again. */
#ifndef MOAT_SERVE_AUDITOR_H
#define MOAT_SERVE_AUDITOR_H

#include "guard/audit.h"
#include "serve/config.h"

/* Where the log of this store would be. */
bool auditor_folder(char dir[4096], struct err *e) MUST_USE;

/* The role, in its sandbox; takes the descriptors over, returns the exit status. `role` says for
 * whom ("serve"), `witness` is the file that the log is witnessed in, or "". */
int auditor_main(int front, int supervisor, const struct config *config, const char *role,
                 const char *witness);

#endif
