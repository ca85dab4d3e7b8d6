/* SPDX-License-Identifier: Apache-2.0 */
/* engine/sample_rank: loading logits, and the best of them in order.
 *
 * Takes logits of any value: NaN counts as "not a candidate", +infinity as the largest float.
 * Selection is one pass with a rising floor: what beats the m-th best so far goes to a buffer,
 * which is cut back to m when full. The buffer's size keeps that linear in the worst case too. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "engine/sample_private.h"

#define FIRST_TAKE  256u /* candidates sorted before a stage asks for more */
#define TAKE_GROWTH 16u
#define FEW         48u /* below this insertion beats radix */

static void load_some(float *to, const float *from, uint32_t n)
{
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        lanes_f v = lanes_load(from + i);
        lanes_f low = lanes_pick(v > FLT_MAX, lanes_all(FLT_MAX), v);
        lanes_store(to + i, lanes_pick(v == v, low, lanes_all(-INFINITY)));
    }
    for (; i < n; i++)
        to[i] = from[i] > FLT_MAX ? FLT_MAX : from[i] == from[i] ? from[i] : -INFINITY;
}

/* Only the tokens whose bit is set in `allowed`. */
static void load_masked(float *to, const float *from, uint32_t n, uint32_t allowed)
{
    for (uint32_t i = 0; i < n; i++)
        to[i] = -INFINITY;
    for (; allowed; allowed &= allowed - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(allowed);
        if (i < n)
            load_some(to + i, from + i, 1);
    }
}

void sample_load(struct sampler *s, const float *logits, const uint32_t *mask)
{
    s->dense = true;
    s->n = 0;
    if (!mask)
        load_some(s->work, logits, s->n_vocab);
    for (uint32_t i = 0; mask && i < s->n_vocab; i += 32) {
        uint32_t n = s->n_vocab - i < 32 ? s->n_vocab - i : 32;
        if (mask[i / 32] == UINT32_MAX)
            load_some(s->work + i, logits + i, n);
        else
            load_masked(s->work + i, logits + i, n, mask[i / 32]);
    }
}

float sample_top(const struct sampler *s)
{
    if (!s->dense)
        return sample_rank_logit(s->list[0]);
    const float *p = s->work;
    lanes_f lane = lanes_all(-INFINITY);
    uint32_t i = 0;
    for (; i + 16 <= s->n_vocab; i += 16) {
        lanes_f a = lanes_max(lanes_load(p + i), lanes_load(p + i + 4));
        lanes_f b = lanes_max(lanes_load(p + i + 8), lanes_load(p + i + 12));
        lane = lanes_max(lanes_max(a, b), lane);
    }
    float top = -INFINITY;
    for (uint32_t j = 0; j < LANES; j++)
        top = lane[j] > top ? lane[j] : top;
    for (; i < s->n_vocab; i++)
        top = p[i] > top ? p[i] : top;
    return top;
}

static void sort_few(uint64_t *v, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        uint64_t x = v[i];
        uint32_t j = i;
        for (; j > 0 && v[j - 1] > x; j--)
            v[j] = v[j - 1];
        v[j] = x;
    }
}

/* One pass of the radix sort, by 11 bits from `shift`. False: all alike, nothing was moved. */
static bool sort_by_digit(const uint64_t *from, uint64_t *to, uint32_t n, unsigned shift)
{
    uint32_t at[2048] = {0};
    for (uint32_t i = 0; i < n; i++)
        at[from[i] >> shift & 2047]++;
    if (at[from[0] >> shift & 2047] == n)
        return false;
    for (uint32_t d = 0, sum = 0; d < 2048; d++) {
        uint32_t count = at[d];
        at[d] = sum;
        sum += count;
    }
    for (uint32_t i = 0; i < n; i++)
        to[at[from[i] >> shift & 2047]++] = from[i];
    return true;
}

/* Sorts the list. `by_id`: equal logits stand in the order of their ids already, as they do in
 * whatever one ascending pass collected. */
static void sort_list(struct sampler *s, bool by_id)
{
    if (s->n <= FEW) {
        sort_few(s->list, s->n);
        return;
    }
    static const unsigned shifts[] = {0, 11, 32, 43, 54}; /* ids have at most 22 bits */
    for (size_t i = by_id ? 2 : 0; i < sizeof shifts / sizeof *shifts; i++)
        if (sort_by_digit(s->list, s->tmp, s->n, shifts[i])) {
            uint64_t *sorted = s->tmp;
            s->tmp = s->list;
            s->list = sorted;
        }
}

/* Cuts the buffer back to the best m; returns what a token must beat from now on. */
static float keep_best(struct sampler *s, uint32_t m)
{
    sort_list(s, true);
    if (s->n < m)
        return -INFINITY;
    s->n = m;
    return sample_rank_logit(s->list[m - 1]);
}

void sample_take_top(struct sampler *s, const float *value, uint32_t m)
{
    uint64_t room = (uint64_t)m + (m < 1024 ? 1024 : m);
    float floor = -INFINITY; /* later equals lose: they have higher ids */
    s->n = 0;
    for (uint32_t i = 0; i < s->n_vocab; i++) {
        while (i % 16 == 0 && i + 16 <= s->n_vocab && !lanes_any_above(value + i, lanes_all(floor)))
            i += 16;
        if (i == s->n_vocab || !(value[i] > floor))
            continue;
        s->list[s->n++] = sample_rank(value[i], i);
        if (s->n == room)
            floor = keep_best(s, m);
    }
    keep_best(s, m);
}

bool sample_take_more(struct sampler *s, const float *value)
{
    uint32_t had = s->n;
    if (!s->dense || had == s->n_vocab)
        return false;
    uint64_t want = had ? (uint64_t)had * TAKE_GROWTH : FIRST_TAKE;
    sample_take_top(s, value, want < s->n_vocab ? (uint32_t)want : s->n_vocab);
    return s->n > had;
}

void sample_take_above(struct sampler *s, float floor)
{
    uint32_t n = 0;
    if (!s->dense) {
        while (n < s->n && sample_rank_logit(s->list[n]) >= floor)
            n++;
        s->n = n;
        return;
    }
    for (uint32_t i = 0; i < s->n_vocab; i++)
        if (s->work[i] >= floor && s->work[i] >= -FLT_MAX)
            s->list[n++] = sample_rank(s->work[i], i);
    s->n = n;
    s->dense = false;
    sort_list(s, true);
}

void sample_rerank(struct sampler *s, const float *value)
{
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t id = sample_rank_id(s->list[i]);
        s->list[i] = sample_rank(value[id], id);
    }
    sort_list(s, false);
}

uint32_t sample_best(const float *logits, const uint32_t *mask, uint32_t n)
{
    uint32_t best = UINT32_MAX;
    float top = -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        while (i % 16 == 0 && i + 16 <= n && !lanes_any_above(logits + i, lanes_all(top)))
            i += 16;
        if (i == n || !(logits[i] > top) || (mask && !(mask[i / 32] >> (i % 32) & 1)))
            continue;
        best = i;
        top = logits[i];
    }
    return best;
}
