/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_mask: secrets in log text become "***" before anybody reads it.
 *
 * What follows the name of a secret ("password", "api_key", "token" and the like, as part of a name
 * too) and "=", ":" or blanks after those; what follows "Bearer" and "Basic"; keys and tokens that
 * say what they are (AKIA.., ghp_.., sk-.., eyJ..); numbers of 13 to 19 digits that pass the check
 * of card numbers and begin as those do; the password in "://user:password@". Counts and sizes
 * stay: a value of a few digits behind "token" is none. A good net, not a proof. */
#ifndef MOAT_WORK_LOGS_MASK_H
#define MOAT_WORK_LOGS_MASK_H

#include "base/buf.h"

/* Adds s to out, masked. Returns whether anything was. */
bool logs_mask(struct str s, struct buf *out);

#endif
