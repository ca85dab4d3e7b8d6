/* SPDX-License-Identifier: Apache-2.0 */
/* ops/verdict: what a machine's facts and measurements mean for running models.
 *
 * One check for each thing that makes a difference: how it is (text), whether that is enough, and
 * where it is not what to do and the command that does it. What is asked for (the gate): a memory
 * pool of 16 GB, a disk that reads and writes 2000 MB/s, swap of 1.5 times the memory where that is
 * 16 GB or less, an instruction set with vectors. Texts are translated. */
#ifndef MOAT_OPS_VERDICT_H
#define MOAT_OPS_VERDICT_H

#include "ops/forecast.h"

enum check_level {
    CHECK_OK,
    CHECK_NOTE, /* worth knowing */
    CHECK_LOW,  /* below the gate */
};

/* What `moat doctor --fix` can do about it (ops/remedy). */
enum remedy {
    REMEDY_NONE,
    REMEDY_SWAP,
    REMEDY_HUGE_PAGES,
    REMEDY_OPEN_FILES,
    REMEDY_POOL,
    REMEDIES
};

enum { CHECKS_MAX = 16 };

struct check {
    const char *id;    /* "disk" */
    const char *title; /* gettext id */
    enum check_level level;
    char text[1400];
    char advice[512];  /* a sentence, or "" */
    char command[512]; /* what mends it, one command a line, or "" */
    enum remedy remedy;
};

struct verdict {
    struct check check[CHECKS_MAX];
    uint32_t n;
    uint64_t swap_wanted; /* bytes of REMEDY_SWAP */
    uint64_t pool_bytes;  /* of REMEDY_POOL */
};

#define GATE_MEMORY     16000000000ull /* bytes */
#define GATE_DISK       2000e6         /* bytes a second, read and written */
#define GATE_OPEN_FILES 4096u

void verdict_of(struct verdict *v, const struct host *h, const struct measured *m,
                const struct forecast f[FORECASTS]);
/* How many are low, and how many of all moat itself can mend. */
uint32_t verdict_low(const struct verdict *v);
uint32_t verdict_mendable(const struct verdict *v);

/* Used by its parts. */
struct check *verdict_add(struct verdict *v, const char *id, const char *title,
                          enum check_level level);
void verdict_machine(struct verdict *v, const struct host *h, const struct measured *m);
void verdict_disk(struct verdict *v, const struct host *h, const struct measured *m,
                  const struct forecast f[FORECASTS]);
void verdict_surroundings(struct verdict *v, const struct host *h);

#endif
