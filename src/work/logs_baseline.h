/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_baseline: what a log usually holds, kept in a JSON file for comparison.
 *
 *     {"format":1,"lines":N,"events":{"E0123abcd":lines},"sessions":N,"vectors":{..},"steps":{..}}
 *
 * Ids and hashes only: no text of the log. */
#ifndef MOAT_WORK_LOGS_BASELINE_H
#define MOAT_WORK_LOGS_BASELINE_H

#include "work/logs_find.h"

bool logs_baseline_load(struct logs_baseline *b, const char *path, struct err *e) MUST_USE;
/* Of the events of some sources and of normal sessions. */
bool logs_baseline_save(const struct logs_source *source, size_t n,
                        const struct logs_normal *normal, const char *path, struct err *e) MUST_USE;
void logs_baseline_clear(struct logs_baseline *b);

#endif
