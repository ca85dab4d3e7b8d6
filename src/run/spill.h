/* SPDX-License-Identifier: Apache-2.0 */
/* run/spill: sequences that the scheduler keeps for who begins alike, and has no more memory for,
 * on disk: reading them back is many times as fast as computing them again.
 *
 * Where they go is given (struct spill_file): a server gives a sealed scratch file (guard/sealed).
 * A sequence is written while it is still in memory, as soon as it may have to go soon, a little
 * after each step of the scheduler, so that giving it up costs nothing; it is read back likewise,
 * while others are answered. One is written and one is read at a time; a job that needs another one
 * waits for its turn. Only its own tenant has it back. The file holds `most` bytes; what was not
 * used for longest makes room. Whatever fails here costs time and nothing else: the tokens are
 * computed. */
#ifndef MOAT_RUN_SPILL_H
#define MOAT_RUN_SPILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* A file of records of n bytes each, written and read in portions from their beginning on; errors
 * mean that the record is lost. A record belongs to its owner. */
struct spill_file {
    void *arg; /* NULL: there is none */
    uint64_t most;
    uint64_t (*bytes)(uint64_t n); /* that a record takes */
    bool (*write_begin)(void *arg, uint64_t at, uint64_t n, struct str owner, struct err *e);
    bool (*write)(void *arg, const void *p, size_t n, struct err *e);
    bool (*read_begin)(void *arg, uint64_t at, uint64_t n, struct str owner, struct err *e);
    bool (*read)(void *arg, void *p, size_t n, struct err *e);
};

struct spill_stats {
    uint32_t n; /* sequences on disk */
    uint64_t bytes;
    uint64_t n_written, n_read, n_failed; /* sequences, so far */
    uint64_t read_tokens;
};

#endif
