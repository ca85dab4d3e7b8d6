/* SPDX-License-Identifier: Apache-2.0 */
/* guard/keys: who may use a server: API keys, of which only hashes are kept.
 *
 *     moat_IIIIIIII_SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS_CCCCCC
 *
 * I: the key's id, which is no secret and stands in lists and logs; S: 256 random bits in 43 digits
 * of base 62; C: check digits (of the SHA-256 of all before them), so that a key that was typed
 * wrongly, or is no key at all, is known as such. A key is shown once, when it is made. The file
 * holds {"keys": [{id name sha256 created}]}, where sha256 is that of the whole key: with so many
 * random bits a slow hash would add nothing. Its mode is 0600, and one that others may have
 * written is refused (ERR_DENIED).
 *
 * A key may be an operator's: its holder may also change what is in the store, over the API. That
 * is for each key to have ("role": "operator"); without it a key only uses models.
 *
 * A key is looked up by its id and its hash is compared in constant time; an id that is not there
 * takes as long. */
#ifndef MOAT_GUARD_KEYS_H
#define MOAT_GUARD_KEYS_H

#include <jansson.h>

#include "base/hash.h"

#define KEYS_FILE "keys.json" /* in $MOAT_HOME */

enum { KEY_ID = 8, KEY_TEXT = 64, KEY_NAME = 64 };

struct key {
    char id[KEY_ID + 1];
    char name[KEY_NAME]; /* whose it is, in words: printable, not empty, unlike any other */
    struct hash hash;
    int64_t created; /* seconds since 1970, UTC */
    bool is_operator;
};

struct keys {
    struct key *v; /* owned */
    uint32_t n;
    size_t cap;
};

void keys_clear(struct keys *k);
/* A file that is not there holds none. */
bool keys_read(struct keys *k, const char *path, struct err *e) MUST_USE;
bool keys_write(const struct keys *k, const char *path, struct err *e) MUST_USE;
/* The same as JSON: the caller's. NULL: memory is short. */
json_t *keys_to_json(const struct keys *k);
bool keys_from_json(struct keys *k, const json_t *j, struct err *e) MUST_USE;

/* Makes one; text is the key itself, to be shown and forgotten. */
bool keys_add(struct keys *k, struct str name, bool is_operator, char text[KEY_TEXT + 1],
              struct err *e) MUST_USE;
bool keys_have_operator(const struct keys *k);
/* By its id or its name; *removed tells which it was. ERR_NOT_FOUND */
bool keys_remove(struct keys *k, struct str which, struct key *removed, struct err *e) MUST_USE;

/* The key that this text is, or NULL. */
const struct key *keys_match(const struct keys *k, struct str text);

#endif
