/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_charset: which characters a log is written in, and the same log in UTF-8.
 *
 * UTF-16 is told by its mark, or by the NULs of Latin text; GB18030 (and GBK, GB 2312, which are
 * parts of it) by text that is not UTF-8, has next to no byte that cannot be GB18030, and is for
 * the most part of the Chinese characters in common use. Anything else is taken as bytes. What
 * cannot be decoded becomes U+FFFD; lines stay lines. */
#ifndef MOAT_WORK_LOGS_CHARSET_H
#define MOAT_WORK_LOGS_CHARSET_H

#include "base/buf.h"

enum logs_charset { LOGS_BYTES, LOGS_UTF16_LITTLE, LOGS_UTF16_BIG, LOGS_GB18030 };

enum logs_charset logs_charset_of(struct str in);
bool logs_charset_decode(enum logs_charset c, struct str in, struct buf *out,
                         struct err *e) MUST_USE;

#endif
