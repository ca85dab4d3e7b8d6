/* SPDX-License-Identifier: Apache-2.0 */
/* work/logs_mine: a log in memory -> its events, and the event of every line.
 *
 * The text is cut into chunks of a fixed size between two records. Threads scan chunks side by
 * side, each into a table of its own; these are put together in the order of the text, so that the
 * result is the same for any number of threads. When there are more than LIMIT_LOGS_SHAPES shapes
 * they are condensed (work/logs_refine); when even that does not help, new ones count as one event
 * of a single variable. Memory: the tables, and four bytes a line where `keep_lines` is set. */
#ifndef MOAT_WORK_LOGS_MINE_H
#define MOAT_WORK_LOGS_MINE_H

#include <stdatomic.h>

#include "base/workers.h"
#include "work/logs_events.h"
#include "work/logs_lines.h"

struct logs_chunk {
    struct str text;
    uint64_t first_line;
    uint32_t n_line, generation;
};

struct logs_mine {
    struct logs_lines lines; /* where reading begins */
    bool keep_lines;
    bool unmasked;           /* secrets stay in messages and templates */
    bool mapped;             /* the text is a file mapping: pages are given back once read */
    struct workers *workers; /* borrowed */
    void (*progress)(void *ctx, uint64_t bytes);
    void *progress_ctx;
    const atomic_bool *stop; /* once set, reading ends between two chunks; or NULL */
    /* Before the shapes are refined for the last time: how far it is and what they were, for
     * work/logs_state; or NULL. To go on, `shapes` and `n_line` are as they were then. */
    bool (*keep)(void *ctx, const struct logs_mine *m, uint64_t bytes, struct err *e);
    void *keep_ctx;

    struct logs_events events; /* the result */
    uint64_t n_line;
    bool full;           /* shapes were left out */
    bool stopped;        /* before the end of the text */
    uint64_t first_line; /* of this run: the lines before it are not kept */
    struct logs_chunk *chunk;
    size_t n_chunk, cap_chunk;
    uint32_t *line; /* [n_line - first_line], where kept: the shape, in the numbers of its chunk's
                       generation */
    size_t cap_line;
    uint32_t **generation; /* [n_generation]: number of a shape then -> refined shape */
    size_t n_generation, cap_generation;
    struct logs_shapes shapes; /* refined */
};

bool logs_mine_run(struct logs_mine *m, struct err *e) MUST_USE;
void logs_mine_clear(struct logs_mine *m);

/* Number of the event of line `i` of a chunk (`keep_lines`). */
uint32_t logs_mine_event(const struct logs_mine *m, const struct logs_chunk *c, uint32_t i);

#endif
