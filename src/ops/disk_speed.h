/* SPDX-License-Identifier: Apache-2.0 */
/* ops/disk_speed: how fast the disk that holds a folder writes and reads, past the page cache.
 *
 * Writes a file without a name there (half a GiB, less on a slow disk), reads it back from start to
 * end and at random places, four requests at a time; takes four seconds at most. The file is gone
 * when it returns, or when the process ends. */
#ifndef MOAT_OPS_DISK_SPEED_H
#define MOAT_OPS_DISK_SPEED_H

#include <stdint.h>

#include "base/err.h"

struct disk_speed {
    double write, read;  /* bytes a second, in blocks of 1 MiB; 0: not measured */
    double random_reads; /* of 4 KiB, a second; 0: not measured */
};

/* dir: an existing folder this user may write. ERR_LIMIT where less than 2 GiB are free,
 * ERR_UNSUPPORTED where the file system has no direct access. */
bool disk_speed_measure(struct disk_speed *s, const char *dir, struct err *e) MUST_USE;

/* Bytes free for this user in the file system of an existing folder; 0: not known. */
uint64_t disk_free(const char *dir);
/* path, or the nearest folder above it that is there; false: it does not fit. */
bool disk_existing(const char *path, char *dir, size_t cap);

#endif
