/* SPDX-License-Identifier: Apache-2.0 */
/* store/partial: a file that is being pulled, until it is whole.
 *
 *     $MOAT_HOME/partial/KEY.data      its bytes
 *     $MOAT_HOME/partial/KEY.journal   which of them are there (fetch/journal)
 *
 * KEY is made of what is wanted (its SHA-256, else its address), so the next pull of the same goes
 * on. One process at a time works at one; others wait. Nothing here is a model yet: it moves among
 * the blobs when it is whole and verified. What nobody touched for PARTIAL_DAYS is removed. */
#ifndef MOAT_STORE_PARTIAL_H
#define MOAT_STORE_PARTIAL_H

#include "store/blob.h"

enum { PARTIAL_DAYS = 30, PARTIAL_KEY = 80 };

struct partial {
    const struct store *store;
    int data_fd, journal_fd;
    char key[PARTIAL_KEY];
};

/* waiting is called about ten times a second while another process works at it; false: give up. */
bool partial_open(struct partial *p, const struct store *s, const char *key,
                  bool (*waiting)(void *arg), void *arg, struct err *e) MUST_USE;
void partial_close(struct partial *p); /* it stays for the next time */
void partial_discard(struct partial *p);
/* Among the blobs, under its digest; with the store locked. */
bool partial_place(struct partial *p, const struct digest *d, struct err *e) MUST_USE;
/* Removes what nobody touched for so many days and nobody works at: the bytes it had. */
uint64_t partial_sweep(const struct store *s, uint32_t days);

#endif
