/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_unpack: logs that are not plain text as they lie there -> plain text.
 *
 * Compressed ones (gzip, zstd, xz, bzip2), UTF-16 and GB18030 (work/logs_charset), and what
 * `journalctl -o json` writes: a JSON object a line, which becomes "2024-01-02T03:04:05.678Z INFO
 * unit[17]: message". Which it is, is seen from the first bytes. What is unpacked may have
 * LIMIT_LOGS_PIPE bytes. */
#ifndef MOAT_WORK_LOGS_UNPACK_H
#define MOAT_WORK_LOGS_UNPACK_H

#include "base/buf.h"

/* Whether `in` has to be unpacked. */
bool logs_is_packed(struct str in);
/* Unpacks it, and what comes out too where need be. out: with LIMIT_LOGS_PIPE, empty. */
bool logs_unpack(struct str in, const char *name, struct buf *out, struct err *e) MUST_USE;

#endif
