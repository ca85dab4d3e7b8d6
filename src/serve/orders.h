/* SPDX-License-Identifier: Apache-2.0 */
/* serve/orders: what an operator has the keeper do to the store, over Ollama's API.
 *
 *     {"do": "pull", "model": .., "insecure": ..}    a name of Ollama's registry or of another one,
 *                                                    or hf:, ms:, oci:, moat: as for moat pull
 *     {"do": "copy", "source": .., "destination": ..}
 *     {"do": "delete", "model": ..}
 *     {"do": "find", "digest": ..}                   is that blob there?
 *
 * Each is an errand. A pull that several ask for is done once; it tells them how far it is, in the
 * words of Ollama ({"status": .., "digest": .., "total": .., "completed": ..}), and ends when
 * nobody waits for it any more: what is there stays for the next time. */
#ifndef MOAT_SERVE_ORDERS_H
#define MOAT_SERVE_ORDERS_H

#include "serve/keeper.h"

/* Starts it, or joins it; an error is answered. */
void orders_take(struct keeper *k, json_int_t id, const json_t *order);
void orders_cancel(struct keeper *k, json_int_t id);
/* What an order's errand says on its way: to everybody who waits. */
void orders_progress(struct keeper *k, const struct errand *w, const json_t *said);
/* It is over. */
void orders_end(struct keeper *k, const struct errand *w);

#endif
