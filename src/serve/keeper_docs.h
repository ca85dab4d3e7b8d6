/* SPDX-License-Identifier: Apache-2.0 */
/* serve/keeper_docs: the small documents that clients of a mirror read before they fetch a file. */
#ifndef MOAT_SERVE_KEEPER_DOCS_H
#define MOAT_SERVE_KEEPER_DOCS_H

#include "base/buf.h"
#include "base/hash.h"
#include "serve/hub.h"

#define DOCS_MANIFEST_TYPE "application/vnd.docker.distribution.manifest.v2+json"
#define DOCS_CONFIG_TYPE   "application/vnd.docker.container.image.v1+json"

/* Each is the caller's; NULL: memory is short. */
json_t *docs_list(const struct shelf *s);
json_t *docs_model(const struct manifest *m, const char *root); /* root "": not known */
json_t *docs_hf_info(const char *repository, const struct hub_repository *r);
json_t *docs_hf_tree(const struct hub_repository *r);
json_t *docs_v2_catalog(const struct shelf *s);
json_t *docs_v2_tags(const char *repository, const struct shelf *s, const char *model);

/* The manifest of a model, and the configuration that it names; as texts, whose digests count. */
bool docs_v2_config(const struct manifest *m, struct buf *out, struct err *e) MUST_USE;
bool docs_v2_manifest(const struct manifest *m, struct buf *out, struct err *e) MUST_USE;

#endif
