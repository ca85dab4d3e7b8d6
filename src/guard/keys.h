/* SPDX-License-Identifier: Apache-2.0 */
/* guard/keys: who may use a server, for what and how much: API keys, of which only hashes are kept.
 *
 *     moat_IIIIIIII_SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS_CCCCCC
 *
 * I: the key's id, which is no secret and stands in lists and logs; S: 256 random bits in 43 digits
 * of base 62; C: check digits (of the SHA-256 of all before them), so that a key that was typed
 * wrongly, or is no key at all, is known as such. A key is shown once, when it is made; a key with
 * a certificate's subject has no text: its holder shows that certificate instead.
 *
 * The file holds {"keys": [{id name created sha256 subject scopes models tenant expires
 * requests_per_minute tokens_per_minute concurrent}]}: sha256 is that of the whole text (with so
 * many random bits a slow hash would add nothing), and what is absent is not limited. Its mode is
 * 0600, and one that others may have written is refused (ERR_DENIED). A member or scope that is not
 * known is refused too (ERR_CORRUPT): it may be a limit.
 *
 * A key is looked up by its id and its hash is compared in constant time; an id that is not there
 * takes as long. */
#ifndef MOAT_GUARD_KEYS_H
#define MOAT_GUARD_KEYS_H

#include <jansson.h>

#include "base/hash.h"

#define KEYS_FILE "keys.json" /* in $MOAT_HOME */

enum {
    KEY_ID = 8,
    KEY_TEXT = 64,
    KEY_NAME = 64,
    KEY_TENANT = 48,
    KEY_SUBJECT = 256,
    KEY_MODEL = 164, /* a model's name and tag */
    KEY_MODELS = 8
};

/* What its holder may do. */
enum key_scope {
    KEY_INFERENCE = 1,  /* answers, tokens, templates */
    KEY_EMBEDDINGS = 2, /* vectors of texts */
    KEY_MIRROR = 4,     /* files of a mirror */
    KEY_METRICS = 8,    /* what the server does for all: numbers, no texts */
    KEY_OPERATOR = 16,  /* change what is in the store; see the keys */
    KEY_SCOPES = 5      /* how many there are */
};
#define KEY_USUAL (KEY_INFERENCE | KEY_EMBEDDINGS | KEY_MIRROR)

/* What is chosen when a key is made. */
struct key_terms {
    unsigned scopes;                       /* of enum key_scope */
    uint32_t n_models;                     /* 0: all */
    char models[KEY_MODELS][KEY_MODEL];    /* names as a request gives them */
    char tenant[KEY_TENANT];               /* whose computed prompts it shares; "": nobody's */
    char subject[KEY_SUBJECT];             /* of a certificate, as RFC 2253 writes it; "": a text */
    int64_t expires;                       /* seconds since 1970, UTC; 0: never */
    uint32_t requests, tokens, concurrent; /* a minute, a minute, at once; 0: any number */
};

struct key {
    char id[KEY_ID + 1];
    char name[KEY_NAME]; /* whose it is, in words: printable, not empty, unlike any other */
    bool has_text;
    struct hash hash; /* of the text */
    int64_t created;  /* seconds since 1970, UTC */
    struct key_terms terms;
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
/* What a key may do, without its hash: for those who look after keys. */
json_t *key_terms_json(const struct key_terms *t);

/* Makes one; text is the key itself, to be shown and forgotten, or "" where there is none. */
bool keys_add(struct keys *k, struct str name, const struct key_terms *terms,
              char text[KEY_TEXT + 1], struct err *e) MUST_USE;
/* By its id or its name; *removed tells which it was. ERR_NOT_FOUND */
bool keys_remove(struct keys *k, struct str which, struct key *removed, struct err *e) MUST_USE;
bool keys_have_operator(const struct keys *k);
uint32_t keys_valid(const struct keys *k, int64_t now); /* how many have not expired */

/* The key that this text is, or NULL. One that has expired is found: ask key_expired. */
const struct key *keys_match(const struct keys *k, struct str text);
const struct key *keys_by_subject(const struct keys *k, struct str subject);
const struct key *keys_by_id(const struct keys *k, const char *id);
struct key *keys_find(const struct keys *k, struct str which); /* by its id or its name, or NULL */
bool key_expired(const struct key *k, int64_t now);

/* Room for one more. For those who fill a list. */
bool keys_grow(struct keys *k, struct err *e) MUST_USE;
bool key_id_valid(const char *id);

/* --- terms: guard/keys_terms --- */

const char *key_scope_name(unsigned i); /* "inference"; NULL from KEY_SCOPES on */
/* Adds the scope of this name; ERR_USAGE lists those there are. */
bool key_scope_add(unsigned *scopes, struct str name, struct err *e) MUST_USE;
void key_scope_list(unsigned scopes, char out[64]); /* "inference, embeddings" */
bool key_model_add(struct key_terms *t, struct str model, struct err *e) MUST_USE;
/* "90d" "12h" "30m" in seconds; "2027-03-31" or "2027-03-31T12:00:00Z" in seconds since 1970. */
bool key_span(struct str text, int64_t *seconds) MUST_USE;
bool key_date(struct str text, int64_t *at) MUST_USE;
/* "2027-03-31", "2027-03-31T12:00:00Z", or from now on "90d" "12h" "30m". In the future. */
bool key_expiry(struct str text, int64_t now, int64_t *out, struct err *e) MUST_USE;
bool key_terms_check(const struct key_terms *t, struct err *e) MUST_USE;

#endif
