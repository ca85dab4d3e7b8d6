/* SPDX-License-Identifier: Apache-2.0 */
/* serve/ollama_embed: POST /api/embed, and /api/embeddings before it. */
#include "base/os.h"
#include "serve/dialects.h"
#include "serve/embeddings.h"
#include "serve/fields.h"
#include "serve/ollama.h"
#include "serve/reply.h"

static void whole(struct ask *a)
{
    uint32_t n_prompt, n_cached, n_generated;
    uint32_t dimensions = (uint32_t)json_integer_value(json_object_get(a->x->body, "dimensions"));
    json_t *list = json_array();
    for (uint32_t i = 0; i < a->n; i++)
        json_array_append_new(list, embeddings_vector(a, i, dimensions));
    ask_usage(a, &n_prompt, &n_cached, &n_generated);
    reply_json(a->x, 200,
               json_pack("{ss so sI sI si}", "model", a->x->model, "embeddings", list,
                         "total_duration", (json_int_t)(os_now_ns() - a->x->start_ns),
                         "load_duration", (json_int_t)a->x->load_ns, "prompt_eval_count",
                         (int)n_prompt));
}

static void whole_one(struct ask *a)
{
    reply_json(a->x, 200, json_pack("{so}", "embedding", embeddings_vector(a, 0, 0)));
}

static const struct ask_words words = {NULL, NULL, whole, NULL};
static const struct ask_words words_one = {NULL, NULL, whole_one, NULL};

static void answer(struct exchange *x, const char *field, const struct ask_words *w)
{
    struct problem p = {0};
    struct ask *a = NULL;
    uint32_t dimensions = 1;
    if (!field_needed(x->body, "model", &p) || !field_needed(x->body, field, &p) ||
        !field_u32(x->body, "dimensions", 1, 1u << 20, &dimensions, &p) ||
        !embeddings_ask(x, json_object_get(x->body, field), field, w, &a, &p) ||
        !ollama_keep(x->body, a->slot, &p))
        reply_problem(x, &p);
}

void ollama_embed(struct exchange *x)
{
    answer(x, "input", &words);
}

void ollama_embeddings(struct exchange *x)
{
    answer(x, "prompt", &words_one);
}
