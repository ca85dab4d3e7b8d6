/* SPDX-License-Identifier: Apache-2.0 */
/* text/chat: messages -> the prompt a model was trained on.
 *
 * Owns the model's chat template (tokenizer.chat_template) with its BOS and EOS texts. A template
 * that fails on a conversation is an error with line and reason, never another format. */
#ifndef MOAT_TEXT_CHAT_H
#define MOAT_TEXT_CHAT_H

#include <jansson.h>

#include "text/template.h"
#include "text/vocab.h"

struct chat;

/* NULL without an error set in *e (code ERR_NONE) when the model has no template. */
struct chat *chat_new(const struct gguf *g, const struct vocab *v, struct err *e) MUST_USE;
void chat_free(struct chat *c);

/* messages: array of {"role","content",...}; tools: array or NULL; extra: further variables or
 * NULL. The rendering includes the template's own BOS text, if any: tokenize it with parse_special,
 * and add_special only if it does not start with the BOS text (chat_tokenize does both). */
bool chat_render(const struct chat *c, const json_t *messages, const json_t *tools,
                 const json_t *extra, bool add_generation_prompt, struct buf *out,
                 struct err *e) MUST_USE;

#endif
