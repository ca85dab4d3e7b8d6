/* SPDX-License-Identifier: Apache-2.0 */
/* serve/openai_embeddings: POST /v1/embeddings. */
#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"
#include "serve/dialects.h"
#include "serve/embeddings.h"
#include "serve/fields.h"
#include "serve/reply.h"

/* Little-endian floats in base64, which the SDK asks for unless it is told otherwise. */
static json_t *base64_of(const json_t *vector)
{
    size_t n = json_array_size(vector);
    unsigned char *raw = mem_new(n * 4 + 1, 1, NULL);
    char *text = mem_new(n * 6 + 8, 1, NULL);
    json_t *j = NULL;
    for (size_t i = 0; raw && i < n; i++) {
        float v = (float)json_number_value(json_array_get(vector, i));
        uint32_t bits;
        memcpy(&bits, &v, 4);
        for (int b = 0; b < 4; b++)
            raw[i * 4 + (size_t)b] = (unsigned char)(bits >> 8 * b);
    }
    if (raw && text) {
        EVP_EncodeBlock((unsigned char *)text, raw, (int)(n * 4));
        j = json_string(text);
    }
    mem_free(raw);
    mem_free(text);
    return j;
}

static void whole(struct ask *a)
{
    uint32_t dimensions = (uint32_t)json_integer_value(json_object_get(a->x->body, "dimensions"));
    json_t *data = json_array();
    for (uint32_t i = 0; i < a->n; i++) {
        json_t *vector = embeddings_vector(a, i, dimensions);
        json_t *shown = a->base64 ? base64_of(vector) : json_incref(vector);
        json_array_append_new(data, json_pack("{ss so si}", "object", "embedding", "embedding",
                                              shown, "index", (int)i));
        json_decref(vector);
    }
    uint32_t n_prompt, n_cached, n_generated;
    ask_usage(a, &n_prompt, &n_cached, &n_generated);
    reply_json(a->x, 200,
               json_pack("{ss so ss s{si si}}", "object", "list", "data", data, "model",
                         a->x->model, "usage", "prompt_tokens", (int)n_prompt, "total_tokens",
                         (int)n_prompt));
}

static const struct ask_words words = {NULL, NULL, whole, NULL};

static bool read_request(const json_t *body, bool *base64, struct problem *p)
{
    struct str format = STR("float");
    uint32_t dimensions = 1;
    if (!field_needed(body, "input", p) || !field_text(body, "encoding_format", &format, p) ||
        !field_u32(body, "dimensions", 1, 1u << 20, &dimensions, p))
        return false;
    *base64 = str_is(format, "base64");
    if (*base64 || str_is(format, "float"))
        return true;
    fail(&p->err, ERR_USAGE, "encoding_format: must be \"float\" or \"base64\"");
    return problem_of(p, "encoding_format");
}

void openai_embeddings(struct exchange *x)
{
    struct problem p = {0};
    struct ask *a = NULL;
    bool base64 = false;
    bool ok = read_request(x->body, &base64, &p) &&
              embeddings_ask(x, json_object_get(x->body, "input"), "input", &words, &a, &p);
    if (ok)
        a->base64 = base64;
    else
        reply_problem(x, &p);
}
