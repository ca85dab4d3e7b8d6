/* SPDX-License-Identifier: Apache-2.0 */
/* serve/packet: what the front and the keeper say to each other: JSON objects, a packet each, some
 * with an open file. Both ends are this program, and both check what comes. */
#ifndef MOAT_SERVE_PACKET_H
#define MOAT_SERVE_PACKET_H

#include <jansson.h>

#include "base/err.h"

#define PACKET_MOST (64u << 10) /* bytes of one; what is larger goes as a file */

bool packet_pair(int line[2], struct err *e) MUST_USE;
/* fd -1: none; it stays the caller's. wait false: ERR_BUSY where the other side does not read. */
bool packet_send(int line, const json_t *j, int fd, bool wait, struct err *e) MUST_USE;

enum packet_state { PACKET_GOT, PACKET_NONE, PACKET_END };
/* Does not wait. *j and *fd (-1: none, or no room for another open file) become the caller's; what
 * is no packet of ours ends it. */
enum packet_state packet_take(int line, json_t **j, int *fd) MUST_USE;

#endif
