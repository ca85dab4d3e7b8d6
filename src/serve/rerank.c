/* SPDX-License-Identifier: Apache-2.0 */
/* serve/rerank: POST /v1/rerank and /rerank, in the words of Jina and Cohere: how well each of a
 * list of documents answers a query.
 *
 * A model that ranks reads the query with each of them. One that only makes vectors of texts gives
 * the cosine of theirs instead, which the answer says ("scored_by"). All documents of a request are
 * with the engine at once, which reads several in a pass. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "serve/dialects.h"
#include "serve/embeddings.h"
#include "serve/loop.h"
#include "serve/openai.h"
#include "serve/reply.h"
#include "serve/request.h"

#define DOCUMENTS_MAX (ASK_ANSWERS - 1)

struct rerank {
    struct str query;
    const json_t *documents;
    uint32_t top_n;
    bool with_text, raw, ranks; /* ranks: not by cosine */
};

/* --- the answer ----------------------------------------------------------------------------------
 */

struct scored {
    uint32_t index;
    double score;
};

/* The best first; of equal ones that which came first. */
static int compare(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return x->index < y->index ? -1 : 1;
}

/* Of vectors of length 1. */
static double cosine(const json_t *a, const json_t *b)
{
    double sum = 0;
    for (size_t i = 0; i < json_array_size(a); i++)
        sum += json_number_value(json_array_get(a, i)) * json_number_value(json_array_get(b, i));
    return sum;
}

static double score_of(const struct ask *a, const struct rerank *r, uint32_t i)
{
    const json_t *result = a->v[i].result;
    if (!r->ranks)
        return cosine(json_object_get(a->v[a->n - 1].result, "embedding"),
                      json_object_get(result, "embedding"));
    return json_number_value(json_object_get(result, r->raw ? "logit" : "score"));
}

/* A text, or an object that has it. */
static const json_t *text_of(const json_t *document)
{
    return json_is_object(document) ? json_object_get(document, "text") : document;
}

static json_t *result_object(const struct rerank *r, const struct scored *s)
{
    json_t *j = json_pack("{si sf}", "index", (int)s->index, "relevance_score", s->score);
    if (r->with_text)
        json_object_set_new(
            j, "document",
            json_pack("{sO}", "text", text_of(json_array_get(r->documents, s->index))));
    return j;
}

static void whole(struct ask *a)
{
    const struct rerank *r = a->own;
    uint32_t n = (uint32_t)json_array_size(r->documents), n_prompt, n_cached, n_generated;
    struct scored *all = mem_new(n, sizeof *all, NULL);
    json_t *results = json_array();
    char id[48];
    for (uint32_t i = 0; all && i < n; i++)
        all[i] = (struct scored){i, score_of(a, r, i)};
    if (all)
        qsort(all, n, sizeof *all, compare);
    for (uint32_t i = 0; all && i < n && i < r->top_n; i++)
        json_array_append_new(results, result_object(r, &all[i]));
    ask_usage(a, &n_prompt, &n_cached, &n_generated);
    json_t *j = all ? json_pack("{ss ss ss ss sO s{si si}}", "id", openai_id(a->x, "rerank-", id),
                                "object", "list", "model", a->x->model, "scored_by",
                                r->ranks ? "model" : "cosine", "results", results, "usage",
                                "prompt_tokens", (int)n_prompt, "total_tokens", (int)n_prompt)
                    : NULL;
    mem_free(all);
    json_decref(results);
    reply_json(a->x, 200, j);
}

static const struct ask_words words = {.whole = whole};

/* --- the request ---------------------------------------------------------------------------------
 */

static bool check_documents(const struct rerank *r, struct problem *p)
{
    size_t n = json_array_size(r->documents);
    if (n < 1 || n > DOCUMENTS_MAX) {
        fail(&p->err, ERR_USAGE, "documents: must have 1 to %u elements, not %zu", DOCUMENTS_MAX,
             n);
        return problem_of(p, "documents");
    }
    for (size_t i = 0; i < n; i++) {
        if (json_is_string(text_of(json_array_get(r->documents, i))))
            continue;
        fail(&p->err, ERR_USAGE, "documents[%zu]: must be a string, or an object with a \"text\"",
             i);
        return problem_of(p, "documents");
    }
    return true;
}

static bool read_request(const json_t *body, struct rerank *r, struct problem *p)
{
    r->top_n = DOCUMENTS_MAX;
    return field_needed(body, "query", p) && field_text(body, "query", &r->query, p) &&
           field_needed(body, "documents", p) && field_array(body, "documents", &r->documents, p) &&
           check_documents(r, p) && field_u32(body, "top_n", 1, UINT32_MAX, &r->top_n, p) &&
           field_bool(body, "return_documents", &r->with_text, p) &&
           field_bool(body, "raw_scores", &r->raw, p);
}

/* Does the model rank texts, or at least make vectors of them? */
static bool choose(const struct engine_slot *slot, struct rerank *r, struct problem *p)
{
    const char *pooling = json_string_value(json_object_get(slot->info, "pooling"));
    r->ranks = pooling && strcmp(pooling, "rank") == 0;
    if (r->ranks || json_is_true(json_object_get(slot->info, "embeds")))
        return true;
    fail(&p->err, ERR_UNSUPPORTED,
         "the model writes answers and cannot rank; serve a model that ranks (its pooling_type is "
         "rank) or one that makes vectors of texts");
    p->status = 400;
    return problem_of(p, "model");
}

static json_t *job_of(const struct rerank *r, const json_t *text, struct problem *p)
{
    json_t *job = request_job(r->ranks ? "rank" : "embed", p);
    if (!job)
        return NULL;
    if (r->ranks)
        json_object_set(job, "passage", (json_t *)(uintptr_t)text);
    json_object_set_new(job, "prompt",
                        text && !r->ranks ? json_incref((json_t *)(uintptr_t)text)
                                          : json_stringn(r->query.p, r->query.n));
    return job;
}

/* The query itself comes last, where it needs a vector of its own. */
static bool submit(struct ask *a, const struct rerank *r, struct problem *p)
{
    for (uint32_t i = 0; i < a->n; i++) {
        const json_t *text = text_of(json_array_get(r->documents, i));
        json_t *job = job_of(r, text, p);
        if (!job || !ask_submit(a, i, job, p))
            return false;
    }
    return true;
}

void rerank_documents(struct exchange *x)
{
    struct problem p = {0};
    struct ask *a = NULL;
    struct rerank *r = mem_new(1, sizeof *r, &p.err);
    struct engine_slot *slot = r ? engines_find(&x->server->engines, x->body, &p) : NULL;
    bool ok =
        slot && read_request(x->body, r, &p) && choose(slot, r, &p) &&
        (a = ask_new(x, slot, &words, (uint32_t)json_array_size(r->documents) + !r->ranks, &p));
    if (ok) {
        a->own = r;
        a->own_free = mem_free;
        a->param = "documents";
        ok = submit(a, r, &p);
    } else {
        mem_free(r);
    }
    if (!ok)
        reply_problem(x, &p);
}
