/* SPDX-License-Identifier: Apache-2.0 */
/* cli/packs: where the packed weights of a model are kept: $MOAT_HOME/packs, one file a model.
 *
 * A pack is a cache: without a home directory weights are packed into memory. */
#ifndef MOAT_CLI_PACKS_H
#define MOAT_CLI_PACKS_H

#include "cli/progress.h"
#include "lab/lab.h"
#include "serve/pack_path.h"

struct packs {
    struct pack_choice choice;
    struct progress progress;
    bool started;
    struct packed_params
        params; /* what lab_open and generator_open take; points into this struct */
};

/* Fills p for an open model; progress is shown on stderr. */
bool packs_init(struct packs *p, const struct gguf *g, struct err *e) MUST_USE;
/* After the model is open: ends the progress line. */
void packs_done(struct packs *p);

/* Removes the pack of a model that is about to go; whoever runs from it runs on. */
void packs_forget(const char *model);

/* lab_open with the model's pack. Takes g over, also on failure. */
bool packs_open_lab(struct lab *l, struct gguf *g, const struct lab_params *p,
                    struct err *e) MUST_USE;

#endif
