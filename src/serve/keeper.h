/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper: the process that has the store: it finds what the front's clients ask for and hands
 * the front open files.
 *
 * The front itself opens and writes nothing. What takes long (the hashes of a file's leaves, a pull
 * from upstream) is done by a process of its own (serve/errand); everybody who asked for it waits
 * and then gets his answer, so nothing is done twice. The keeper speaks to nobody but the front,
 * over one line of packets, and ends with it. */
#ifndef MOAT_SERVE_KEEPER_H
#define MOAT_SERVE_KEEPER_H

#include "serve/config.h"
#include "serve/errand.h"
#include "serve/shelf.h"

struct keeper {
    const struct config *config;
    struct shelf shelf;
    struct errands errands;
    int line; /* to the front */
    struct {
        uint64_t pulls, failed, received, freed; /* bytes: received and freed */
    } stats;
};

/* The role: returns when the line has ended. */
int keeper_main(int line, const struct config *config);

#endif
