/* SPDX-License-Identifier: Apache-2.0 */
/* serve/orders: what an operator has the keeper do to the store, over Ollama's API.
 *
 *     {"do": "pull", "model": .., "insecure": ..}    a name of Ollama's registry or of another one,
 *                                                    or hf:, ms:, oci:, moat: as for moat pull
 *     {"do": "copy", "source": .., "destination": ..}
 *     {"do": "delete", "model": ..}
 *     {"do": "create", "model": .., "text": ..}      text: what it is made of, as store/modelfile
 *                                                    reads it; from a model of the store
 *     {"do": "push", "model": .., "insecure": ..}    HOST/REPOSITORY:TAG; the model of the store is
 *                                                    the last part of it
 *     {"do": "find", "digest": ..}                   is that blob there?
 *
 *     {"do": "put", "digest": .., "size": ..}        a GGUF file, written to the socket that comes
 *                                                    back at once; size 0: not known. It is the
 *                                                    model upload:HEX until one is created from it
 *
 *     {"do": "witness", "key": .., "text": ..}       lines of an audit log, for serve/witness_book
 *
 * Each is an errand. A pull that several ask for is done once; it tells them how far it is, in the
 * words of Ollama ({"status": .., "digest": .., "total": .., "completed": ..}), and ends when
 * nobody waits for it any more: what is there stays for the next time. */
#ifndef MOAT_SERVE_ORDERS_H
#define MOAT_SERVE_ORDERS_H

#include "serve/keeper.h"

/* Starts it, or joins it; an error is answered. */
enum { ORDER_TEXT = 512 };

struct order {
    const struct config *config;
    const struct store *store;
    char model[ORDER_TEXT]; /* or the source, or the digest */
    char other[ORDER_TEXT]; /* the destination */
    const char *text;       /* of create and witness, else NULL */
    bool insecure;
    int fd, other_fd; /* of put: where the file comes from; and the other end, which is closed */
    uint64_t size;    /* of put */
};

#define ORDER_UPLOAD "upload" /* the name under which files are kept that were put */

/* serve/orders_make: what they do; arg is the order. */
errand_fn order_pull, order_copy, order_delete, order_find, order_create, order_push, order_put,
    order_witness;

void orders_take(struct keeper *k, json_int_t id, const json_t *order);
void orders_cancel(struct keeper *k, json_int_t id);
/* What an order's errand says on its way: to everybody who waits. */
void orders_progress(struct keeper *k, const struct errand *w, const json_t *said);
/* It is over. */
void orders_end(struct keeper *k, const struct errand *w);

#endif
