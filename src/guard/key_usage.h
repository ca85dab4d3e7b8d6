/* SPDX-License-Identifier: Apache-2.0 */
/* guard/key_usage: what keys have been used for: counts, and when last. Never what was asked.
 *
 * $MOAT_HOME/key_usage.json: {"keys": {ID: {last_use requests refused prompt_tokens
 * completion_tokens}}}. Servers keep their counts in memory and add them now and then (a write and
 * an fsync for all keys together, never for a request), so a crash loses the last seconds of them
 * and nothing else: the file is replaced whole. Several servers may add to one file. It holds a row
 * for each key there is, 4,096 at most, and is always read whole: so it is JSON and no database.
 * A file that is no such thing is put aside as key_usage.json.bad and begun anew. */
#ifndef MOAT_GUARD_KEY_USAGE_H
#define MOAT_GUARD_KEY_USAGE_H

#include "guard/keys.h"

#define KEY_USAGE_FILE "key_usage.json" /* in $MOAT_HOME */

struct key_usage {
    char id[KEY_ID + 1];
    int64_t last_use; /* seconds since 1970, UTC; 0: never */
    uint64_t requests,
        refused; /* answered; and turned away for what the key may not, or too much */
    uint64_t prompt_tokens, completion_tokens;
};

struct key_usages {
    struct key_usage *v; /* owned */
    uint32_t n;
    size_t cap;
};

void key_usages_clear(struct key_usages *u);
/* The row of a key, made where there is none; NULL: memory is short, or there are too many. */
struct key_usage *key_usages_row(struct key_usages *u, const char *id) MUST_USE;
const struct key_usage *key_usages_find(const struct key_usages *u, const char *id);
void key_usage_sum(struct key_usage *to, const struct key_usage *more);

/* A file that is not there holds none. */
bool key_usages_read(struct key_usages *u, const char *path, struct err *e) MUST_USE;
/* Adds to the file; rows of keys that are not in `keys` any more go. *u becomes what it holds. */
bool key_usages_add(struct key_usages *u, const struct keys *keys, const char *path,
                    struct err *e) MUST_USE;

/* {ID: {...}}, the caller's; and back, added to what is in u. */
json_t *key_usages_json(const struct key_usages *u);
json_t *key_usage_json(const struct key_usage *u);
bool key_usages_take(struct key_usages *u, const json_t *j, struct err *e) MUST_USE;

#endif
