/* SPDX-License-Identifier: Apache-2.0 */
/* serve/loading: requests that wait until their model is loaded.
 *
 * A request for a model whose engine is not ready waits, for the configuration's load_seconds at
 * most, and is then answered as if it had just come; where the model cannot be loaded it gets the
 * reason. No more wait for one model than may be under way there. */
#ifndef MOAT_SERVE_LOADING_H
#define MOAT_SERVE_LOADING_H

#include "serve/engines.h"

struct exchange;

/* Does it wait? If not, it is to be answered now. */
bool loading_hold(struct exchange *x) MUST_USE;
void loading_done(struct engine_slot *slot); /* the engine is ready: answers them */
void loading_failed(struct engine_slot *slot, const struct err *why);
void loading_drain(struct server *s); /* the server is about to end: none will be answered */

#endif
