/* SPDX-License-Identifier: Apache-2.0 */
/* lab/convert: a model as Hugging Face tools save it becomes a GGUF file.
 *
 * Takes a folder (lab/hf) of one of the families of convert_families (llama, mistral, qwen2, qwen3,
 * gemma3, phi3, bert); gives a file that appears whole or not at all. Weights pass through in
 * pieces of a few hundred kB, so memory does not grow with the model. Refuses what it does not know
 * for certain: tensors without a place, settings that change the computation, a pre-tokenizer it
 * does not recognise; never writes a file that computes something else. Names and keys are those of
 * the GGUF specification. */
#ifndef MOAT_LAB_CONVERT_H
#define MOAT_LAB_CONVERT_H

#include "base/err.h"
#include "gguf/dtype.h"

struct convert_options {
    const char *folder, *out;
    const char *name; /* general.name; NULL: the folder's */
    const char *pre;  /* tokenizer.ggml.pre; NULL: recognised */
    enum dtype type;  /* of matrices: DTYPE_F32, F16 or BF16 */
    bool as_stored;   /* instead: as each is */
    bool (*progress)(void *arg, uint64_t done, uint64_t total); /* bytes; false: stop */
    void *arg;
};

enum { CONVERT_NOTICES = 4 };
struct convert_result {
    const char *architecture; /* static */
    uint64_t n_tensors, n_bytes;
    struct err notices[CONVERT_NOTICES]; /* what its user should know */
    unsigned n_notices;
};

bool convert_model(const struct convert_options *o, struct convert_result *r,
                   struct err *e) MUST_USE;

#endif
