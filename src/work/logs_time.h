/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_time: the timestamps that logs begin their lines with.
 *
 * ISO 8601 and its relatives, syslog, asctime, access logs, compact ones ("081109 203615"), seconds
 * or milliseconds since 1970; with fractions and zones. Where a year is missing it is 1970 and
 * where a zone is missing it is UTC: good for distances and order within a log. */
#ifndef MOAT_WORK_LOGS_TIME_H
#define MOAT_WORK_LOGS_TIME_H

#include <stdint.h>

#include "base/str.h"

#define LOGS_NO_TIME INT64_MIN

/* Bytes of the timestamp that s begins with, 0: none. *ms: milliseconds since 1970. */
size_t logs_time_match(struct str s, int64_t *ms);

/* "2005-06-03 15:42:50" into out. */
const char *logs_time_text(int64_t ms, char out[32]);

#endif
