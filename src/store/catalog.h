/* SPDX-License-Identifier: Apache-2.0 */
/* store/catalog: a list of models and where to fetch them, as a JSON document:
 *
 *     {"format": 1, "name": "site", "version": 3, "expires": "2027-01-01T00:00:00Z", "models": [
 *       {"name": "qwen3:8b", "aliases": ["qwen3:latest"], "summary": "...", "parameters": "8.2B",
 *        "architecture": "qwen3", "quantisation": "Q4_K_M", "licence": "Apache-2.0",
 *        "context": 40960, "size": 5027783488, "memory": 6700000000,
 *        "sha256": "<64 hex>", "tree": "<64 hex>", "template_sha256": "<64 hex>",
 *        "sources": ["hf:Qwen/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf", "https://..."]}]}
 *
 * Only name and sources must be there. size, memory: bytes, of the file and of the machine at a
 * context of 8192 tokens. Without sha256 the file is pinned: the first one that comes is what it
 * must be ever after (store/pins). tree is the root of the hash tree of base/hash, whose leaves lie
 * at one of the sources as FILE.leaves. Unknown keys are passed over, a newer format is refused;
 * everything else that does not hold is ERR_CORRUPT naming the model. */
#ifndef MOAT_STORE_CATALOG_H
#define MOAT_STORE_CATALOG_H

#include <jansson.h>

#include "base/map.h"
#include "guard/sign.h"
#include "store/blob.h"
#include "store/name.h"

#define CATALOG_BUILT_IN "built-in" /* the name of the one that is part of this program */

struct catalog_entry {
    struct name name;
    const char *summary, *parameters, *architecture, *quantisation, *licence; /* "": not given */
    uint64_t size, memory;                                                    /* 0: not given */
    uint32_t context;                                                         /* 0: not given */
    bool has_digest, has_template;
    struct digest digest, template_digest;
    const char *tree;      /* 64 hex digits in lower case, or NULL */
    const json_t *sources; /* strings, 1 to LIMIT_PULL_SOURCES */
    const json_t *aliases; /* strings that are names, or NULL */
};

struct catalog {
    json_t *document; /* owned; what entries point to lives in it */
    struct sign_terms terms;
    const char *title;       /* "name" of the document, or "" */
    struct catalog_entry *v; /* [n], owned */
    size_t n;
    struct map by_name; /* names and aliases, borrowed from the entries -> index */
};

bool catalog_parse(struct catalog *c, struct str text, const char *where, struct err *e) MUST_USE;
/* The one that is part of this program. */
bool catalog_parse_built_in(struct catalog *c, struct err *e) MUST_USE;
void catalog_clear(struct catalog *c);

/* By its name or an alias; NULL: none. */
const struct catalog_entry *catalog_find(const struct catalog *c, const struct name *name);
/* Does it hold every word (of any case) in name, aliases, summary, architecture or licence? */
bool catalog_matches(const struct catalog_entry *m, const char *const *words, uint32_t n);
/* What an author should mend before signing, beyond catalog_parse: an address that moat cannot
 * read, a hash tree without a source that could hold its leaves, no size, no licence. */
bool catalog_check_entry(const struct catalog_entry *m, struct err *e) MUST_USE;

/* Puts a model into a document, or in the place of the one with its name, and raises the version.
 * entry: the JSON of one model, taken over. */
bool catalog_put(json_t *document, json_t *entry, struct err *e) MUST_USE;

#endif
