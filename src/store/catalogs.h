/* SPDX-License-Identifier: Apache-2.0 */
/* store/catalogs: the catalogues of one store: which there are, who must have signed them, and the
 * copies that are used.
 *
 *     $MOAT_HOME/catalogs.json          names, where from, keys, the highest version seen
 *     $MOAT_HOME/catalogs/NAME.signed   {"document": "...", "signatures": "..."} as it was fetched
 *
 * A copy is checked each time it is read: its signatures, its version (which may not fall), its
 * expiry. One without keys was added as such (--unsigned) and is not. The first catalogue that
 * knows a name counts; the built-in one comes last, unless it was removed. */
#ifndef MOAT_STORE_CATALOGS_H
#define MOAT_STORE_CATALOGS_H

#include <stdatomic.h>

#include "fetch/line.h"
#include "store/catalog.h"

struct catalog_source {
    char name[NAME_PART + 1];
    char *origin;         /* owned: an address, or a path from the root */
    struct sign_key *key; /* [n_key], owned; none: not signed */
    uint32_t n_key, needed;
    uint64_t seen; /* the highest version that was accepted; 0: none */
};

struct catalogs {
    struct catalog_source *v; /* [n], owned */
    size_t n, cap;
    bool no_built_in;
};

bool catalogs_read(struct catalogs *c, const struct store *s, struct err *e) MUST_USE;
/* With the store locked. */
bool catalogs_write(const struct catalogs *c, const struct store *s, struct err *e) MUST_USE;
void catalogs_clear(struct catalogs *c);

struct catalog_source *catalogs_get(const struct catalogs *c, struct str name); /* NULL: none */
/* Takes what s points to over, also on failure. */
bool catalogs_add(struct catalogs *c, struct catalog_source *s, struct err *e) MUST_USE;
/* And its copy; with the store locked. */
bool catalogs_remove(struct catalogs *c, const struct store *s, struct str name,
                     struct err *e) MUST_USE;

/* What is at the origin now; signatures is empty where none are wanted. Both are initialised here,
 * and cleared by the caller in any case. */
bool catalog_fetch(const struct catalog_source *s, struct fetch_job *how, const atomic_bool *stop,
                   struct buf *document, struct buf *signatures, struct err *e) MUST_USE;
/* Checks it as of now (seconds since 1970) and gives it as a catalogue. */
bool catalog_accept(const struct catalog_source *s, struct str document, struct str signatures,
                    int64_t now, struct catalog *out, struct err *e) MUST_USE;
/* Keeps it as the copy that is used; with the store locked. The caller raises `seen`. */
bool catalog_keep(const struct catalog_source *s, const struct store *store, struct str document,
                  struct str signatures, struct err *e) MUST_USE;
/* The copy that is used, checked. */
bool catalog_load(const struct catalog_source *s, const struct store *store, int64_t now,
                  struct catalog *out, struct err *e) MUST_USE;

/* Every catalogue in order, the built-in one last. c is NULL where it cannot be used: *why says so.
 * False stops. */
typedef bool catalogs_each_fn(void *arg, const char *name, const struct catalog *c,
                              const struct err *why);
bool catalogs_each(const struct store *s, catalogs_each_fn *fn, void *arg, struct err *e) MUST_USE;

/* NAME:TAG in the first catalogue that knows it. */
struct catalog_hit {
    struct catalog catalog; /* owned */
    const struct catalog_entry *entry;
    char from[NAME_PART + 1]; /* the catalogue's name */
};
/* ERR_NOT_FOUND names what may have been meant, and a catalogue that cannot be used. */
bool catalogs_find(struct catalog_hit *hit, const struct store *s, const struct name *name,
                   struct err *e) MUST_USE;
void catalog_hit_clear(struct catalog_hit *hit);

#endif
