/* SPDX-License-Identifier: Apache-2.0 */
/* serve/watchers: room in the table of a loop for all descriptors that a role will have.
 *
 * libuv keeps a table by descriptor and aborts the process where it cannot grow it (maybe_resize in
 * src/unix/core.c): so it grows once, before anybody is served, and where there is no memory for
 * that the role says so and ends. */
#ifndef MOAT_SERVE_WATCHERS_H
#define MOAT_SERVE_WATCHERS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* Before any other call of libuv. */
void watchers_begin(void);
/* Descriptors below n (or what the process may have, if that is less); fd is any socket or pipe
 * that the loop will watch. Ends the process with ERR_LIMIT's status where memory is short, and
 * returns false where a descriptor is. */
bool watchers_reserve(uv_loop_t *loop, int fd, uint32_t n);

#endif
