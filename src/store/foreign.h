/* SPDX-License-Identifier: Apache-2.0 */
/* store/foreign: models that other programs keep on this machine, read where they lie.
 *
 *     ollama:[HOST/][NAMESPACE/]MODEL[:TAG]   $OLLAMA_MODELS, else ~/.ollama/models, else the
 *                                             folder of Ollama's service
 *     hf:ORG/REPO/FILE.gguf[@REVISION]        $HF_HUB_CACHE, $HF_HOME/hub, else
 *                                             ~/.cache/huggingface/hub
 *     lmstudio:PUBLISHER/REPO/FILE.gguf       ~/.lmstudio/models, else ~/.cache/lm-studio/models
 *
 * Nothing is written there and nothing is copied. What their files say becomes a path only after
 * its digest was parsed; names have no part that is "", "." or "..". */
#ifndef MOAT_STORE_FOREIGN_H
#define MOAT_STORE_FOREIGN_H

#include "store/blob.h"

enum { FOREIGN_NAME = 512 };

struct foreign {
    char name[FOREIGN_NAME]; /* as above */
    char path[STORE_PATH];   /* of the file */
    uint64_t size;
    int64_t modified; /* seconds since 1970 */
    bool has_digest;  /* Ollama, and Hugging Face for large files: it is their word */
    struct digest digest;
};

bool foreign_is(const char *text); /* does it begin with one of the three words? */
/* ERR_NOT_FOUND says where it was looked for. */
bool foreign_find(struct foreign *f, const char *text, struct err *e) MUST_USE;

/* Every GGUF file there is; false stops. Folders that are not there have none. */
typedef bool foreign_each_fn(void *arg, const struct foreign *f);
void foreign_each(foreign_each_fn *fn, void *arg);

#endif
