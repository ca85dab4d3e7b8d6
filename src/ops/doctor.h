/* SPDX-License-Identifier: Apache-2.0 */
/* ops/doctor: a whole examination: facts, measurements, forecasts, verdict. */
#ifndef MOAT_OPS_DOCTOR_H
#define MOAT_OPS_DOCTOR_H

#include "ops/verdict.h"

enum { DOCTOR_FILES = 8 };

struct doctor_params {
    const char *root; /* "", or a folder with the files of another machine */
    const char *store;
    bool measure;      /* false: read only. Below a root nothing is ever measured */
    bool measure_disk; /* false: memory only */
    measure_note_fn *note;
    void *note_arg;
};

struct doctor {
    struct host host;
    struct measured measured;
    struct forecast sizes[FORECASTS], files[DOCTOR_FILES];
    uint32_t n_files; /* filled by forecast_file before the examination */
    struct verdict verdict;
};

/* Fails only for a measured.json that cannot be read. */
bool doctor_examine(struct doctor *d, const struct doctor_params *p, struct err *e) MUST_USE;

#endif
