/* SPDX-License-Identifier: Apache-2.0 */
/* cli/doctor_show: an examination as text or JSON on stdout. */
#ifndef MOAT_CLI_DOCTOR_SHOW_H
#define MOAT_CLI_DOCTOR_SHOW_H

#include "ops/doctor.h"

/* The verdict first, then the checks, then the models. */
bool doctor_print(const struct doctor *d, struct err *e) MUST_USE;
bool doctor_print_json(const struct doctor *d, struct err *e) MUST_USE;

/* The memory tier of common guides: "1.5B", "7B" or "" for less than 4 GB. */
const char *doctor_tier(const struct host_memory *m);

#endif
