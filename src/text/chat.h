/* SPDX-License-Identifier: Apache-2.0 */
/* text/chat: messages -> the prompt a model was trained on.
 *
 * Owns the model's chat templates (tokenizer.chat_template, and tokenizer.chat_template.tool_use
 * where a model has one of its own for tools) with the texts of its special tokens. A template that
 * fails on a conversation is an error with line and reason, never another format. */
#ifndef MOAT_TEXT_CHAT_H
#define MOAT_TEXT_CHAT_H

#include <jansson.h>

#include "text/template.h"
#include "text/toolcall.h"
#include "text/vocab.h"

struct chat;

/* NULL without an error set in *e (code ERR_NONE) when the model has no template. Borrows nothing.
 */
struct chat *chat_new(const struct gguf *g, const struct vocab *v, struct err *e) MUST_USE;
void chat_free(struct chat *c);
/* Messages that every conversation begins with: a system message, which gives way to one of the
 * conversation, and examples. NULL: none. Shared, not copied: nobody may change them. */
void chat_set_opening(struct chat *c, const json_t *opening);

/* messages: array of {"role","content",...}; tools: array or NULL, which templates see as none;
 * extra: object of further variables, which win over ours, or NULL. Templates see the same
 * variables as with Hugging Face: messages, tools, documents, add_generation_prompt and the special
 * tokens bos_token, eos_token, unk_token, pad_token, sep_token, cls_token, mask_token (the first
 * two "", the others undefined where the model has none). The rendering includes the template's own
 * BOS text, if any: tokenize it with parse_special, and with add_special only if it does not start
 * with that text. Read-only, so any number of threads may render at once. */
bool chat_render(const struct chat *c, const json_t *messages, const json_t *tools,
                 const json_t *extra, bool add_generation_prompt, struct buf *out,
                 struct err *e) MUST_USE;

/* How the model writes calls of tools, by its template (the one for tools, where it has one). */
const struct toolcall_format *chat_format(const struct chat *c);

/* A grammar_token_fn, with the vocab as arg: special tokens, which have no text of their own. */
bool chat_marker(const void *vocab, struct str text, uint32_t *id);

#endif
