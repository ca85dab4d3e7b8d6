/* SPDX-License-Identifier: Apache-2.0 */
/* serve/listing: what upstream has at one repository and revision: its model files, their sizes and
 * SHA-256. Kept as $MOAT_HOME/mirror/KEY.json, so that a mirror whose upstream is away still knows
 * what it holds.
 *
 *     {"kind": "hf" or "registry", "repository": .., "revision": .., "commit": ..,
 *      "files": [{"path": .., "size": .., "sha256": ..}]}
 *
 * Only files whose SHA-256 upstream names are in it. */
#ifndef MOAT_SERVE_LISTING_H
#define MOAT_SERVE_LISTING_H

#include "serve/config.h"
#include "serve/errand.h"
#include "serve/hub.h"

#define LISTING_FRESH_S 300

enum listing_kind { LISTING_HF, LISTING_REGISTRY };

struct listing_file {
    char path[WANT_TEXT]; /* "" in a registry */
    uint64_t size;
    struct digest digest;
};

struct listing {
    enum listing_kind kind;
    char repository[WANT_TEXT], revision[WANT_TEXT];
    char commit[HUB_COMMIT + 1]; /* "" in a registry */
    struct listing_file *v;      /* owned */
    size_t n, cap;
};

void listing_clear(struct listing *l);
const struct listing_file *listing_path(const struct listing *l, const char *path);
const struct listing_file *listing_digest(const struct listing *l, const struct digest *d);

/* False: there is none. *fresh: it need not be fetched again yet. A revision that is a commit also
 * finds the listing of a branch that had it. */
bool listing_read(struct listing *l, const struct store *s, enum listing_kind kind,
                  const char *repository, const char *revision, bool *fresh) MUST_USE;
/* The first of all kept ones that this says yes to. */
typedef bool listing_match_fn(void *arg, const struct listing *l);
bool listing_find(struct listing *l, const struct store *s, listing_match_fn *is_it,
                  void *arg) MUST_USE;
/* The same as a repository of the kind that Hugging Face has. */
bool listing_repository(const struct listing *l, struct hub_repository *r, struct err *e) MUST_USE;

/* What Hugging Face answers to /api/models/..; for tests too. */
bool listing_read_hf(struct listing *l, const json_t *j, struct err *e) MUST_USE;
/* The name of one of its files for moat pull: "hf:ORG/REPO/FILE@COMMIT", "ollama:HOST/REPO:TAG". */
bool listing_source(const struct listing *l, const struct listing_file *f, const struct config *c,
                    char *out, size_t cap, struct err *e) MUST_USE;

/* An errand: asks upstream and keeps what it says. Where upstream is away and an older listing is
 * there, that one counts. */
struct listing_job {
    const struct store *store;
    const struct config *config;
    enum listing_kind kind;
    char repository[WANT_TEXT], revision[WANT_TEXT];
};
errand_fn listing_fetch;

#endif
