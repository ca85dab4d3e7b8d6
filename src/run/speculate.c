/* SPDX-License-Identifier: Apache-2.0 */
/* run/speculate: see speculate.h. */
#include "run/speculate.h"

#include "base/mem.h"

#define REMEMBERED 65536u /* tokens */
#define CLASSES    12u    /* of lengths of matches: by two up to 16, then by doubling */
#define NEWEST     0.06   /* weight of the newest observation of a class */
#define COST_NEW   0.2    /* and of a pass */
#define ROW_COST   0.08   /* of a pass for a token: what a row more takes, until it was measured */
#define WORTH      1.02   /* gain from which guessing is worth while */

struct speculation {
    struct lookup *lookup;
    struct pass_costs *costs; /* borrowed */
    double right[CLASSES];    /* how often the token after such a match was the one guessed */
    uint32_t guess, class;    /* at the next token */
    bool guessed;
};

/* --- costs ----------------------------------------------------------------------------------- */

void pass_costs_note(struct pass_costs *c, uint32_t rows, double seconds)
{
    if (rows == 0 || rows > DECODE_TOKENS)
        return;
    double *known = &c->seconds[rows];
    *known = *known > 0 ? *known + COST_NEW * (seconds - *known) : seconds;
}

/* Between the nearest that are known; nothing known: in passes of one row. */
static double cost_of(const struct pass_costs *c, uint32_t rows)
{
    uint32_t below = rows, above = rows;
    while (below > 0 && !(c->seconds[below] > 0))
        below--;
    while (above <= DECODE_TOKENS && !(c->seconds[above] > 0))
        above++;
    if (below == rows)
        return c->seconds[rows];
    if (below == 0)
        return (above > DECODE_TOKENS ? 1.0 : c->seconds[above]) * (1.0 + ROW_COST * rows);
    if (above > DECODE_TOKENS)
        return c->seconds[below] * (1.0 + ROW_COST * (rows - below));
    double part = (double)(rows - below) / (above - below);
    return c->seconds[below] + part * (c->seconds[above] - c->seconds[below]);
}

/* --- guesses --------------------------------------------------------------------------------- */

static uint32_t class_of(uint32_t matched)
{
    uint32_t class = matched < 16 ? matched / 2 : 8;
    for (uint32_t n = 32; n <= matched && class < CLASSES - 1; n *= 2)
        class ++;
    return class;
}

static uint32_t remembered(uint32_t n_ctx)
{
    return n_ctx < REMEMBERED ? n_ctx : REMEMBERED;
}

uint64_t speculation_bytes(uint32_t n_ctx)
{
    return lookup_bytes(remembered(n_ctx));
}

/* Long matches are believed from the start, short ones have to show it. */
static void reset(struct speculation *s)
{
    lookup_reset(s->lookup);
    s->guessed = false;
    for (uint32_t i = 0; i < CLASSES; i++)
        s->right[i] = i < 2 ? 0.1 : i < 4 ? 0.4 : 0.7;
}

struct speculation *speculation_new(uint32_t n_ctx, struct pass_costs *costs, struct err *e)
{
    struct speculation *s = mem_new(1, sizeof *s, e);
    if (!s)
        return NULL;
    *s = (struct speculation){.costs = costs};
    if (!(s->lookup = lookup_new(remembered(n_ctx), e))) {
        mem_free(s);
        return NULL;
    }
    reset(s);
    return s;
}

void speculation_free(struct speculation *s)
{
    if (s)
        lookup_free(s->lookup);
    mem_free(s);
}

void speculation_add(struct speculation *s, uint32_t token)
{
    if (s->guessed)
        s->right[s->class] += NEWEST * ((s->guess == token) - s->right[s->class]);
    lookup_add(s->lookup, token);
    s->class = class_of(lookup_matched(s->lookup));
    s->guessed = lookup_next(s->lookup, 1, &s->guess) == 1;
}

void speculation_begin(struct speculation *s, const uint32_t *token, size_t n)
{
    reset(s);
    for (size_t i = 0; i < n; i++)
        speculation_add(s, token[i]);
}

/* The number of guesses with the most tokens for the time. */
uint32_t speculation_guess(struct speculation *s, uint32_t rows, uint32_t most, uint32_t *token)
{
    uint32_t matched = lookup_matched(s->lookup), best = 0;
    most = most < SPECULATE_MOST ? most : SPECULATE_MOST;
    most = lookup_next(s->lookup, most, token);
    double right = 1, tokens = rows, least = rows / cost_of(s->costs, rows) * WORTH;
    for (uint32_t i = 1; i <= most && rows + i <= DECODE_TOKENS; i++) {
        right *= s->right[class_of(matched + i - 1)];
        tokens += right;
        double rate = tokens / cost_of(s->costs, rows + i);
        if (rate > least) {
            least = rate;
            best = i;
        }
    }
    return best;
}
