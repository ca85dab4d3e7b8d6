/* SPDX-License-Identifier: Apache-2.0 */
/* store/modelfile: what a model is made from: a Modelfile as Ollama has it, or the same as JSON.
 *
 *     FROM qwen3:8b                       a model, a GGUF file, ollama:..., hf:...
 *     PARAMETER temperature 0.6           stop may be given often
 *     SYSTEM """You are a pirate."""      the first message of every conversation
 *     MESSAGE user Hello                  and examples after it
 *     LICENSE """..."""
 *
 *     {"from": "...", "parameters": {"temperature": 0.6}, "system": "...", "messages": [...],
 *      "license": "...", "settings": {...}}
 *
 * Words may be in any case, texts bare to the end of the line, in "..." or over several lines in
 * """...""". TEMPLATE is noted in `ignored` and not taken: a GGUF file has its own template, in
 * another language. ADAPTER is refused. What else does not hold is ERR_USAGE with its line. */
#ifndef MOAT_STORE_MODELFILE_H
#define MOAT_STORE_MODELFILE_H

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

struct modelfile {
    char *from;         /* owned; as it stands there, never "" */
    json_t *parameters; /* owned; object: Ollama's name of an option -> text, or array of texts */
    json_t *settings;   /* owned; moat's own names, from JSON only; or NULL */
    json_t *opening;    /* owned; array of messages, for store/manifest */
    json_t *licence;    /* owned; a string, or NULL */
    json_t *ignored;    /* owned; array of words that were not taken */
};

bool modelfile_parse(struct modelfile *m, struct str text, const char *where,
                     struct err *e) MUST_USE;
void modelfile_clear(struct modelfile *m);

#endif
