/* SPDX-License-Identifier: Apache-2.0 */
/* store/upstream: names of models at hubs and registries -> an address and, where the hub knows it,
 * the SHA-256 of the file.
 *
 *     hf:ORG/REPO/PATH.gguf[@REVISION]       Hugging Face, or $HF_ENDPOINT
 *     ms:ORG/REPO/PATH.gguf[@REVISION]       ModelScope, or $MODELSCOPE_DOMAIN
 *     ollama:[HOST/][NAMESPACE/]MODEL[:TAG]  Ollama's registry, or another one of its kind
 *     oci:HOST/REPOSITORY[:TAG]              an OCI registry; one layer of the manifest is the file
 *     moat:HOST/NAME[:TAG]                   a moat mirror, which also knows the root of its hash
 * tree
 *
 * HOST may have http:// or https:// before it; without it is https. Nothing a hub says becomes a
 * path: its digest is parsed and printed again, everything else only goes into addresses there. */
#ifndef MOAT_STORE_UPSTREAM_H
#define MOAT_STORE_UPSTREAM_H

#include <jansson.h>
#include <stdatomic.h>

#include "fetch/line.h"
#include "store/blob.h"
#include "store/name.h"

enum upstream_kind { UPSTREAM_HF, UPSTREAM_MS, UPSTREAM_OLLAMA, UPSTREAM_OCI, UPSTREAM_MOAT };

struct upstream_ref {
    enum upstream_kind kind;
    char base[512];           /* "https://host[:port]" */
    char repository[512];     /* "org/repo", percent-encoded where needed */
    char path[1024];          /* of a file in it; "" for registries */
    char revision[256];       /* revision or tag */
    char name[NAME_PART + 1]; /* what the model may be called: the model of a registry; else "" */
};

bool upstream_is(const char *text); /* does it begin with one of the five words? */
bool upstream_parse(struct upstream_ref *r, const char *text, struct err *e) MUST_USE;

/* What a model may be called: a registry's keeps its name and tag, another one that of its file. */
bool upstream_name(const struct upstream_ref *r, const char *file, struct name *name,
                   struct err *e) MUST_USE;

struct upstream {
    struct upstream_ref ref;
    char url[LIMIT_URL_BYTES];
    bool has_digest;
    struct digest digest;
    uint64_t size;             /* of the file, where a registry says it; else 0 */
    char root[DIGEST_HEX + 1]; /* of its hash tree, where a mirror says it; else "" */
};

/* Asks the hub. A token for its host that is found on the way (of a registry) is added to the
 * job's. */
bool upstream_resolve(struct upstream *u, const char *text, struct fetch_job *how,
                      const atomic_bool *stop, struct err *e) MUST_USE;

/* Asks again for the tokens that were found on the way: they hold for minutes only. */
bool upstream_renew(const char *text, struct fetch_job *how, const atomic_bool *stop,
                    struct err *e) MUST_USE;

/* What Hugging Face says of a repository at a revision: its commit, its files with their sizes and
 * SHA-256. r is of that kind; the caller owns *j. */
bool upstream_hf_info(const struct upstream_ref *r, struct fetch_job *how, const atomic_bool *stop,
                      json_t **j, struct err *e) MUST_USE;
/* upstream_resolve where the SHA-256 is known: a file of a hub has its address without a question.
 */
bool upstream_resolve_known(struct upstream *u, const char *text, const struct digest *known,
                            struct fetch_job *how, const atomic_bool *stop, struct err *e) MUST_USE;
/* A small file at an address: ERR_NOT_FOUND, ERR_DENIED or ERR_NETWORK for any status but 200. */
bool upstream_get(const char *url, struct fetch_job *how, const atomic_bool *stop, struct buf *out,
                  struct err *e) MUST_USE;

/* A token that a registry's challenge tells us to ask for, added to the job's. base: the
 * registry's. */
bool upstream_take_token(const char *challenge, bool outer, const char *base, struct fetch_job *how,
                         const atomic_bool *stop, struct err *e) MUST_USE;

/* What hubs answer; for tests too. */
/* A git-lfs pointer ("oid sha256:HEX"); false for anything else. */
bool upstream_read_pointer(struct str text, struct digest *d);
/* The list of files of ModelScope: the SHA-256 of one of them. */
bool upstream_read_files(const json_t *j, const char *path, struct digest *d);
/* What a mirror says of a model: the SHA-256 and, where it is there, the root. */
bool upstream_read_mirror(const json_t *j, struct digest *d, char root[DIGEST_HEX + 1],
                          struct err *e) MUST_USE;
/* The one layer of a manifest that is a GGUF file. */
bool upstream_read_manifest(const json_t *j, struct digest *d, struct err *e) MUST_USE;
/* Bearer realm="..",service="..",scope=".." -> the address that gives tokens; false: none. */
bool upstream_read_challenge(const char *challenge, char url[LIMIT_URL_BYTES]);

#endif
