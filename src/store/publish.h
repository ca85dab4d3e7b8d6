/* SPDX-License-Identifier: Apache-2.0 */
/* store/publish: the last step of import and pull: a whole file becomes NAME:TAG. */
#ifndef MOAT_STORE_PUBLISH_H
#define MOAT_STORE_PUBLISH_H

#include "store/manifest.h"

enum { PUBLISH_ARCHITECTURE = 64 };

/* Is it a model file that moat can read: the header, every tensor within the file? And has its chat
 * template that SHA-256 (NULL: any)? fd stays the caller's; `name` is for messages. */
bool publish_check(int fd, const char *name, const struct digest *template_digest,
                   char architecture[PUBLISH_ARCHITECTURE], struct err *e) MUST_USE;

struct publication {
    const struct store *store;
    struct manifest m; /* all but `imported`, which is now */
    /* Gives the file its place among the blobs; the store is locked. */
    bool (*place)(void *arg, const struct digest *d, struct err *e);
    void *arg;
    bool replaced; /* out: NAME:TAG was another file before */
};

bool publish_model(struct publication *p, struct err *e) MUST_USE;

#endif
