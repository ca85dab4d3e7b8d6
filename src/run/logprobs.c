/* SPDX-License-Identifier: Apache-2.0 */
/* run/logprobs: see logprobs.h. */
#include "run/logprobs.h"

#include <math.h>

#include "base/limits.h"
#include "run/job.h"

/* log of the sum of exp(logit), less the largest: what turns logits into log-probabilities. */
static double log_sum(const float *logits, uint32_t n)
{
    float max = -INFINITY;
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        max = logits[i] > max ? logits[i] : max;
    for (uint32_t i = 0; i < n; i++)
        if (!isnan(logits[i]))
            sum += (double)expf(logits[i] - max);
    return (double)max + log(sum);
}

/* JSON knows no infinity: a token that cannot be has this. */
static double no_less(double logprob)
{
    return logprob > -9999 ? logprob : -9999;
}

/* A part of a character is no text: it shows as U+FFFD, and its bytes tell it. */
static json_t *text_of(struct str piece)
{
    struct buf text;
    buf_init(&text, LIMIT_TOKEN_BYTES * 3);
    for (size_t at = 0; at < piece.n;)
        buf_utf8(&text, str_utf8_next(piece, &at));
    json_t *j = json_stringn(buf_c(&text), text.n);
    buf_clear(&text);
    return j;
}

static json_t *entry(const struct vocab *v, uint32_t id, double logprob)
{
    struct str piece = id < v->n_tokens ? vocab_view(v, id, true) : STR("");
    json_t *bytes = json_array();
    for (size_t i = 0; i < piece.n; i++)
        json_array_append_new(bytes, json_integer((unsigned char)piece.p[i]));
    return json_pack("{sI so* so* sf}", "id", (json_int_t)id, "token", text_of(piece), "bytes",
                     bytes, "logprob", no_less(logprob));
}

/* The n_top largest, by insertion: few, and most logits fail the first comparison. */
static uint32_t find_top(const float *logits, uint32_t n, uint32_t n_top, uint32_t *top)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < n && n_top; i++) {
        if (isnan(logits[i]) || (found == n_top && !(logits[i] > logits[top[found - 1]])))
            continue;
        uint32_t at = found < n_top ? found++ : found - 1;
        for (; at > 0 && logits[i] > logits[top[at - 1]]; at--)
            top[at] = top[at - 1];
        top[at] = i;
    }
    return found;
}

json_t *logprobs_of(const struct vocab *v, const float *logits, uint32_t n, uint32_t id,
                    uint32_t n_top)
{
    uint32_t top[JOB_LOGPROBS];
    must(n_top <= JOB_LOGPROBS && id < n);
    double log_all = log_sum(logits, n);
    json_t *j = entry(v, id, (double)logits[id] - log_all), *list = json_array();
    uint32_t found = find_top(logits, n, n_top, top);
    for (uint32_t i = 0; i < found; i++)
        json_array_append_new(list, entry(v, top[i], (double)logits[top[i]] - log_all));
    json_object_set_new(j, "top", list);
    return j;
}
