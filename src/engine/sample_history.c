/* SPDX-License-Identifier: Apache-2.0 */
/* engine/sample_history: the stages that look back: penalties and DRY.
 *
 * Penalties: a token that occurs c > 0 times among the last repeat_last_n loses
 *     logit > 0 ? logit / repeat_penalty : logit * repeat_penalty   (Keskar et al. 2019)
 *     and then c * frequency_penalty + presence_penalty.
 * DRY: a token that would lengthen a repetition of L >= dry_allowed_length tokens to L + 1 loses
 *     dry_multiplier * dry_base ^ (L - dry_allowed_length).
 *     L is the longest match between the end of the text and what stood before an earlier
 *     occurrence of that token, not reaching over a sequence breaker. The Z algorithm on the
 *     reversed text finds all L in one pass. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "engine/sample_private.h"

static bool has_penalties(const struct sample_params *p)
{
    return p->repeat_penalty != 1 || p->presence_penalty != 0 || p->frequency_penalty != 0;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

bool sample_history_new(struct sampler *s, uint32_t n_ctx, struct err *e)
{
    const struct sample_params *p = &s->p;
    s->repeat_n = has_penalties(p) ? least(p->repeat_last_n, n_ctx) : 0;
    s->dry_n = p->dry_multiplier != 0 && p->dry_base >= 1 ? least(p->dry_last_n, n_ctx) : 0;
    s->window = s->repeat_n > s->dry_n ? s->repeat_n : s->dry_n;
    if (s->window == 0)
        return true;
    s->history = mem_new((size_t)2 * s->window, sizeof *s->history, e);
    s->count = mem_new(s->n_vocab, sizeof *s->count, e);
    s->mark = mem_new(s->n_vocab, sizeof *s->mark, e);
    s->match = mem_new(s->dry_n, sizeof *s->match, e);
    s->breaker = mem_new(s->n_vocab / 32 + 1, sizeof *s->breaker, e);
    if (!s->history || !s->count || !s->mark || !s->match || !s->breaker)
        return false;
    for (uint32_t i = 0; i < p->n_dry_breakers; i++)
        if (p->dry_breakers[i] < s->n_vocab)
            s->breaker[p->dry_breakers[i] / 32] |= 1u << (p->dry_breakers[i] % 32);
    return true;
}

void sample_history_free(struct sampler *s)
{
    mem_free(s->history);
    mem_free(s->count);
    mem_free(s->mark);
    mem_free(s->match);
    mem_free(s->breaker);
}

void sample_accept(struct sampler *s, uint32_t token)
{
    if (s->window == 0 || token >= s->n_vocab)
        return;
    if (s->n_history == 2 * s->window) {
        memcpy(s->history, s->history + s->window, s->window * sizeof *s->history);
        s->n_history = s->window;
    }
    if (s->repeat_n && s->n_history >= s->repeat_n)
        s->count[s->history[s->n_history - s->repeat_n]]--;
    s->history[s->n_history++] = token;
    if (s->repeat_n)
        s->count[token]++;
}

/* The last n tokens, oldest first; *n is cut to what there is. */
static const uint32_t *last_tokens(const struct sampler *s, uint32_t *n)
{
    *n = least(*n, s->n_history);
    return s->history + (s->n_history - *n);
}

/* Stages that edit logits do so in work[]; a list then follows. */
static void edited(struct sampler *s)
{
    if (!s->dense)
        sample_rerank(s, s->work);
}

void sample_penalties(struct sampler *s)
{
    uint32_t n = s->repeat_n;
    const uint32_t *token = last_tokens(s, &n);
    for (uint32_t i = 0; i < n; i++) {
        float *logit = &s->work[token[i]];
        if (s->mark[token[i]]++ || isinf(*logit))
            continue;
        double v = (double)*logit, repeat = (double)s->p.repeat_penalty;
        v = v > 0 ? v / repeat : v * repeat;
        v -= (double)s->count[token[i]] * (double)s->p.frequency_penalty;
        *logit = sample_settle(v - (double)s->p.presence_penalty);
    }
    for (uint32_t i = 0; i < n; i++)
        s->mark[token[i]] = 0;
    if (n)
        edited(s);
}

/* Tokens at the end of the text that come after the last breaker. */
static uint32_t unbroken(const struct sampler *s, const uint32_t *token, uint32_t n)
{
    uint32_t run = 0;
    while (run < n && !(s->breaker[token[n - 1 - run] / 32] >> (token[n - 1 - run] % 32) & 1))
        run++;
    return run;
}

/* match[i]: how many tokens before and at n - 1 - i equal those at the end; match[0] is unused. */
static void match_end(const uint32_t *token, uint32_t n, uint32_t *match)
{
    const uint32_t *last = token + n - 1; /* last[-i] is the reversed text */
    uint32_t from = 0, to = 0;            /* the match that reached furthest: [from, to) */
    for (uint32_t i = 1; i < n; i++) {
        uint32_t len = i < to ? least(match[i - from], to - i) : 0;
        while (i + len < n && *(last - len) == *(last - i - len))
            len++;
        match[i] = len;
        if (i + len > to) {
            from = i;
            to = i + len;
        }
    }
}

static void charge(struct sampler *s, uint32_t token, uint32_t len)
{
    double cost = sample_power((double)s->p.dry_base, len - s->p.dry_allowed_length);
    if (!isinf(s->work[token]))
        s->work[token] = sample_settle((double)s->work[token] - (double)s->p.dry_multiplier * cost);
}

void sample_dry(struct sampler *s)
{
    uint32_t n = s->dry_n, allowed = s->p.dry_allowed_length;
    const uint32_t *token = last_tokens(s, &n);
    uint32_t run = n > allowed ? unbroken(s, token, n) : 0;
    if (n <= allowed || run < allowed)
        return;
    match_end(token, n, s->match);
    for (uint32_t i = 1; i < n; i++) {
        uint32_t len = least(s->match[i], run), next = token[n - i];
        if (len >= allowed && len >= s->mark[next])
            s->mark[next] = len + 1; /* 0: not charged */
    }
    for (uint32_t i = 1; i < n; i++) {
        uint32_t next = token[n - i];
        if (s->mark[next])
            charge(s, next, s->mark[next] - 1);
        s->mark[next] = 0;
    }
    edited(s);
}
