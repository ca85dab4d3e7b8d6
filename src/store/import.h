/* SPDX-License-Identifier: Apache-2.0 */
/* store/import: a GGUF file, or a wheel that holds one, becomes NAME:TAG in the store.
 *
 * The file is copied (or its blocks shared), hashed, compared with what its maker has signed where
 * that is known, checked to be a model that moat can read, and only then given its name. Whatever
 * fails before that leaves the store as it was. */
#ifndef MOAT_STORE_IMPORT_H
#define MOAT_STORE_IMPORT_H

#include "guard/oms.h"
#include "store/publish.h"
#include "store/wheel.h"

struct import_request {
    const char *path;
    const char *member; /* of a wheel with several models; NULL: the only one */
    struct name name;
    const struct digest *expected;   /* NULL: any */
    const struct oms_list *list;     /* what its maker has signed: it must be of that; or NULL */
    const json_t *settings;          /* NULL: none */
    const json_t *opening, *licence; /* of store/manifest, or NULL */
    struct store_progress progress;
};

struct import_result {
    struct digest digest;
    uint64_t size;
    bool shared;             /* blocks are shared with the file given, nothing was copied */
    char member[WHEEL_NAME]; /* of the wheel, "" for a plain file */
    bool replaced;           /* NAME:TAG was another file before */
    char architecture[PUBLISH_ARCHITECTURE];
};

bool import_model(const struct import_request *q, struct import_result *r, struct err *e) MUST_USE;

#endif
