/* SPDX-License-Identifier: Apache-2.0 */
/* serve/embeddings: see embeddings.h. */
#include "serve/embeddings.h"

#include <math.h>

#include "serve/loop.h"
#include "serve/request.h"

static bool is_list(const json_t *input)
{
    return json_is_array(input) && !request_is_ids(input);
}

static bool submit(struct ask *a, const json_t *input, const char *field, struct problem *p)
{
    for (uint32_t i = 0; i < a->n; i++) {
        json_t *job = request_job("embed", p);
        if (!job)
            return false;
        if (!request_prompt(is_list(input) ? json_array_get(input, i) : input, field, job, p)) {
            json_decref(job);
            return false;
        }
        if (!ask_submit(a, i, job, p))
            return false;
    }
    return true;
}

bool embeddings_ask(struct exchange *x, const json_t *input, const char *field,
                    const struct ask_words *words, struct ask **out, struct problem *p)
{
    size_t n = is_list(input) ? json_array_size(input) : 1;
    struct engine_slot *slot = engines_find(&x->server->engines, x->body, p);
    if (!slot)
        return false;
    if (n < 1 || n > ASK_ANSWERS) {
        fail(&p->err, ERR_USAGE, "%s: must have 1 to %u elements, not %zu", field, ASK_ANSWERS, n);
        return problem_of(p, field);
    }
    struct ask *a = ask_new(x, slot, words, (uint32_t)n, p);
    if (!a)
        return false;
    a->param = field;
    *out = a;
    return submit(a, input, field, p);
}

json_t *embeddings_vector(const struct ask *a, uint32_t i, uint32_t dimensions)
{
    json_t *all = json_object_get(a->v[i].result, "embedding");
    size_t n = json_array_size(all);
    if (!dimensions || dimensions >= n)
        return json_incref(all);
    double sum = 0;
    for (size_t j = 0; j < dimensions; j++) {
        double v = json_number_value(json_array_get(all, j));
        sum += v * v;
    }
    json_t *cut = json_array();
    double scale = sum > 0 ? 1 / sqrt(sum) : 0;
    for (size_t j = 0; j < dimensions; j++)
        json_array_append_new(cut, json_real(json_number_value(json_array_get(all, j)) * scale));
    return cut;
}
