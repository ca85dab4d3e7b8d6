/* SPDX-License-Identifier: Apache-2.0 */
/* ops/measure: what of a machine has to be measured: memory, the kernels on it, the disk.
 *
 * The same as numbers in JSON, so that what was measured on one machine can be looked at on another
 * (measured.json below a root). What could not be measured is 0, and `missing` says why. */
#ifndef MOAT_OPS_MEASURE_H
#define MOAT_OPS_MEASURE_H

#include "base/json.h"
#include "lab/decode_speed.h"
#include "ops/disk_speed.h"

struct measured {
    double memory_read; /* bytes a second, by the threads moat computes with */
    struct decode_speed decode;
    struct disk_speed disk;
    uint64_t disk_free;
    bool recorded;                 /* from measured.json, not here and now */
    struct err no_memory, no_disk; /* code ERR_NONE: it was measured */
};

/* Says what is being measured now; may be NULL. */
typedef void measure_note_fn(void *arg, const char *what);

/* Memory and the formats w reads; l3_bytes is exceeded. */
void measure_memory(struct measured *m, const struct decode_work *w, uint64_t l3_bytes,
                    measure_note_fn *note, void *arg);
/* store: the folder of models, or where it will be. */
void measure_disk(struct measured *m, const char *store, measure_note_fn *note, void *arg);

json_t *measured_json(const struct measured *m);
/* From ROOT/measured.json; without that file nothing is known, which is no error. */
bool measured_read(struct measured *m, const char *root, struct err *e) MUST_USE;

#endif
