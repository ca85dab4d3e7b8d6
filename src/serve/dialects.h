/* SPDX-License-Identifier: Apache-2.0 */
/* serve/dialects: the functions that answer, by whose words they speak. Rows of route.c. */
#ifndef MOAT_SERVE_DIALECTS_H
#define MOAT_SERVE_DIALECTS_H

#include "serve/exchange.h"

/* OpenAI */
void openai_chat(struct exchange *x);
void openai_completion(struct exchange *x);
void openai_embeddings(struct exchange *x);
void openai_responses(struct exchange *x);
void openai_responses_count(struct exchange *x);
void openai_response(struct exchange *x);
void openai_response_delete(struct exchange *x);
void openai_models(struct exchange *x);
void openai_model(struct exchange *x);

/* Jina, Cohere */
void rerank_documents(struct exchange *x);

/* Anthropic */
void anthropic_messages(struct exchange *x);
void anthropic_count(struct exchange *x);

/* llama.cpp */
void llama_completion(struct exchange *x);
void llama_infill(struct exchange *x);
void llama_tokenize(struct exchange *x);
void llama_detokenize(struct exchange *x);
void llama_apply_template(struct exchange *x);
void llama_embedding(struct exchange *x);
void llama_props(struct exchange *x);
void llama_slots(struct exchange *x);
void llama_lora(struct exchange *x);
void llama_lora_set(struct exchange *x);

/* Ollama */
void ollama_root(struct exchange *x);
void ollama_chat(struct exchange *x);
void ollama_generate(struct exchange *x);
void ollama_embed(struct exchange *x);
void ollama_embeddings(struct exchange *x);
void ollama_tags(struct exchange *x);
void ollama_show(struct exchange *x);
void ollama_ps(struct exchange *x);
void ollama_version(struct exchange *x);
void ollama_pull(struct exchange *x);
void ollama_push(struct exchange *x);
void ollama_create(struct exchange *x);
void ollama_copy(struct exchange *x);
void ollama_delete(struct exchange *x);
void ollama_blob(struct exchange *x);
void ollama_upload(struct exchange *x);

/* of moat's own */
void health_live(struct exchange *x);
void health_ready(struct exchange *x);
void metrics_show(struct exchange *x);
void moat_keys(struct exchange *x);

/* the page */
void webui_root(struct exchange *x);
void webui_file(struct exchange *x);

/* moat mirror */
void mirror_root(struct exchange *x);
void mirror_health(struct exchange *x);
void mirror_stats(struct exchange *x);
void mirror_file(struct exchange *x);
void mirror_witness(struct exchange *x);

#endif
