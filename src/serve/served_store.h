/* SPDX-License-Identifier: Apache-2.0 */
/* serve/served_store: the models of the store that a server answers for without having been told
 * their names, as they come, are replaced and go.
 *
 * What somebody has pulled or imported is there a moment later; one that was removed is no longer
 * served (`gone`), but for the requests that it works on; another file under the name replaces the
 * one before it. A model that the server was told of by its name or path stays as it is. One that
 * cannot be opened is logged and left out, until the store changes again. */
#ifndef MOAT_SERVE_SERVED_STORE_H
#define MOAT_SERVE_SERVED_STORE_H

#include "serve/served.h"

struct served_store {
    /* Adds the model of a name, with what configuration and command line say of it; NULL: only
     * what was named is served. */
    bool (*add)(void *arg, const char *name, struct served_list *l, struct err *e);
    void *arg;
    uint64_t stamp; /* of the store at the last look; 0: there was none */
};

/* Has the store changed? Then `changed` (may be NULL) is told of each model of the list that is
 * new, another or gone, by its index. Those of a list never move. */
void served_store_look(struct served_store *w, struct served_list *l,
                       void (*changed)(void *arg, uint32_t i), void *arg);

#endif
