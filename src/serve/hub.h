/* SPDX-License-Identifier: Apache-2.0 */
/* serve/hub: the models of a store as repositories of the kind that Hugging Face has.
 *
 * One that came from hf:ORG/REPO/FILE is FILE of ORG/REPO, as it was there. Every model is also
 * TAG.gguf of library/NAME. The commit of a repository is the one it had where it came from, or
 * else made of its files and their digests: it changes when they do. */
#ifndef MOAT_SERVE_HUB_H
#define MOAT_SERVE_HUB_H

#include "serve/shelf.h"
#include "serve/want.h"

#define HUB_LIBRARY "library/"

enum { HUB_COMMIT = 40 };

/* What hf:... says; the texts are views into it. False: it is no such source. */
struct hub_source {
    struct str repository, file, revision; /* revision "main" where none is named */
};
bool hub_source_read(struct hub_source *s, const char *source);

struct hub_file {
    char path[WANT_TEXT];
    struct digest digest;
    uint64_t size;
    int64_t imported; /* seconds since 1970 */
};

struct hub_repository {
    struct hub_file *v; /* owned */
    size_t n, cap;
    char commit[HUB_COMMIT + 1];
    int64_t changed; /* seconds since 1970 */
};

/* The files of a repository at a revision (a name, or the commit). False: memory is short; n is 0
 * where there is no such repository. */
bool hub_find(struct hub_repository *r, const struct shelf *s, const char *repository,
              const char *revision, struct err *e) MUST_USE;
void hub_clear(struct hub_repository *r);
const struct hub_file *hub_file(const struct hub_repository *r, const char *path);

#endif
