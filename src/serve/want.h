/* SPDX-License-Identifier: Apache-2.0 */
/* serve/want: what of a store a path asks for, in the words of several kinds of clients.
 *
 *   moat, curl     /models                          the list of them
 *                  /models/NAME/TAG.json            what NAME:TAG is, the root of its tree included
 *                  /models/NAME/TAG.gguf[.leaves]   its file, the hashes of its leaves
 *                  /blobs/sha256-HEX[.leaves]       the same, by the digest
 *   Hugging Face   /ORG/REPO/resolve/REVISION/FILE  a file; /raw/ its git-lfs pointer
 *                  /api/models/ORG/REPO[/revision/REVISION]   its commit and files
 *                  /api/models/ORG/REPO/tree/REVISION
 *   moat audit     /witness/LOG                    how far that audit log was (witness_book)
 *   OCI, Ollama    /v2/  /v2/_catalog  /v2/NAME/tags/list
 *                  /v2/NAME/manifests/TAG or sha256:HEX       /v2/NAME/blobs/sha256:HEX
 *
 * Whatever a path holds, the texts here are short, printable, and have no part that is empty, "."
 * or "..": they may stand in addresses, but not in paths of files. */
#ifndef MOAT_SERVE_WANT_H
#define MOAT_SERVE_WANT_H

#include <jansson.h>

#include "store/blob.h"

enum want_kind {
    WANT_NOTHING, /* there is no such path */
    WANT_LIST,
    WANT_MODEL,
    WANT_FILE,
    WANT_BLOB,
    WANT_HF_FILE,
    WANT_HF_POINTER,
    WANT_HF_INFO,
    WANT_HF_TREE,
    WANT_V2,
    WANT_V2_CATALOG,
    WANT_V2_TAGS,
    WANT_V2_MANIFEST,
    WANT_V2_BLOB,
    WANT_WITNESS, /* the digest is the id of an audit log */
    WANT_STATS,   /* no path: the front's own question */
    WANT_KINDS
};

enum { WANT_TEXT = 400 };

struct want {
    enum want_kind kind;
    bool leaves;                /* of FILE and BLOB: the hashes of its leaves instead */
    bool head;                  /* the head of the answer is enough */
    char repository[WANT_TEXT]; /* "org/repo"; the model's name for MODEL and FILE */
    char revision[WANT_TEXT];   /* revision or tag */
    char file[WANT_TEXT];       /* in the repository */
    bool by_digest;
    struct digest digest;
};

struct want want_of_path(struct str path);

/* To the keeper and back; NULL: memory is short. */
json_t *want_to_json(const struct want *w);
bool want_from_json(struct want *w, const json_t *j) MUST_USE;

#endif
