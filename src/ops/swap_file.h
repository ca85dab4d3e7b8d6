/* SPDX-License-Identifier: Apache-2.0 */
/* ops/swap_file: a file as swap of the running system. Both need root. */
#ifndef MOAT_OPS_SWAP_FILE_H
#define MOAT_OPS_SWAP_FILE_H

#include <stdint.h>

#include "base/err.h"

/* Makes the file, which must not exist, with mode 0600, and switches it on; nothing is left of one
 * that could not be. ERR_LIMIT where the disk would be left with less than 2 GiB, ERR_UNSUPPORTED
 * on a file system that cannot hold swap. */
bool swap_file_on(const char *path, uint64_t bytes, struct err *e) MUST_USE;
/* Switches it off, which moves what is in it back into memory, and removes it. An absent file is
 * no error. */
bool swap_file_off(const char *path, struct err *e) MUST_USE;

#endif
