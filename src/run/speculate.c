/* SPDX-License-Identifier: Apache-2.0 */
/* run/speculate: see speculate.h. */
#include "run/speculate.h"

#include <string.h>

#include "base/mem.h"
#include "base/os.h"

#define REMEMBERED 65536u /* tokens */
#define CLASSES    12u    /* of lengths of matches: by two up to 16, then by doubling */
#define NEWEST     0.06   /* weight of the newest observation of a class */
#define COST_NEW   0.2    /* and of a pass */
#define ROW_COST   0.08   /* of a pass for a token: what a row more takes, until it was measured */
#define WORTH      1.02   /* gain from which guessing is worth while */
#define LEADS      8u     /* classes of leads of the draft model's logits */
#define ASK_AGAIN  32u    /* passes after which a draft model that does not pay is asked again */
#define DRAFT_COST 0.25   /* of a pass, until it was measured */

/* What the draft model guesses, and what has become of that. */
struct drafting {
    struct draft draft;
    uint32_t *text; /* [its context] */
    uint32_t n;     /* of the text, which may be longer */
    double right[LEADS];
    double mean;                    /* of the first guess of each pass */
    uint32_t passes;                /* since it was asked last */
    uint32_t guess[SPECULATE_MOST]; /* at the next tokens: made, and perhaps not given out */
    uint32_t class[SPECULATE_MOST];
    uint32_t n_guess, at;
};

struct speculation {
    struct lookup *lookup;
    struct pass_costs *costs; /* borrowed */
    double right[CLASSES];    /* how often the token after such a match was the one guessed */
    uint32_t guess, class;    /* at the next token */
    bool guessed;
    uint32_t n_vocab;
    bool has_draft;
    struct drafting d;
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
    for (uint32_t i = 0; i < LEADS; i++)
        s->d.right[i] = 0.3 + 0.09 * i;
    s->d.mean = 0.6;
    s->d.n = s->d.n_guess = s->d.at = s->d.passes = 0;
}

/* What the draft model said of the next token, as long as it was right before. */
static void watch_draft(struct drafting *d, uint32_t token)
{
    if (d->at == d->n_guess)
        return;
    bool right = d->guess[d->at] == token;
    double *known = &d->right[d->class[d->at]];
    *known += NEWEST * (right - *known);
    if (d->at == 0)
        d->mean += NEWEST * (right - d->mean);
    d->at = right ? d->at + 1 : d->n_guess;
}

static bool start_draft(struct drafting *d, struct forward *f, uint32_t seq, struct err *e)
{
    d->text = mem_new(f->p.kv.n_ctx, sizeof *d->text, e);
    return d->text && draft_new(&d->draft, f, seq, e);
}

struct speculation *speculation_new(const struct speculation_params *p, struct err *e)
{
    struct speculation *s = mem_new(1, sizeof *s, e);
    if (!s)
        return NULL;
    *s = (struct speculation){
        .costs = p->costs, .n_vocab = p->n_vocab, .has_draft = p->draft != NULL};
    if (p->draft && p->draft->m->h.n_vocab < s->n_vocab)
        s->n_vocab = p->draft->m->h.n_vocab;
    if (!(s->lookup = lookup_new(remembered(p->n_ctx), e)) ||
        (p->draft && !start_draft(&s->d, p->draft, p->seq, e))) {
        speculation_free(s);
        return NULL;
    }
    reset(s);
    return s;
}

void speculation_free(struct speculation *s)
{
    if (!s)
        return;
    lookup_free(s->lookup);
    draft_free(&s->d.draft);
    mem_free(s->d.text);
    mem_free(s);
}

void speculation_add(struct speculation *s, uint32_t token)
{
    if (s->guessed)
        s->right[s->class] += NEWEST * ((s->guess == token) - s->right[s->class]);
    if (s->has_draft) {
        watch_draft(&s->d, token);
        if (s->d.n < s->d.draft.t.f->p.kv.n_ctx)
            s->d.text[s->d.n] = token;
        s->d.n++;
    }
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

/* The number of guesses from the text with the most tokens for the time. */
static uint32_t guess_from_text(struct speculation *s, uint32_t rows, uint32_t most,
                                uint32_t *token)
{
    uint32_t matched = lookup_matched(s->lookup), best = 0;
    most = lookup_next(s->lookup, most, token);
    double right = 1, tokens = rows, least = rows / cost_of(s->costs, rows) * WORTH;
    for (uint32_t i = 1; i <= most; i++) {
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

/* --- the draft model ------------------------------------------------------------------------- */

static uint32_t class_of_lead(float lead)
{
    static const float from[LEADS - 1] = {0.25f, 0.5f, 1, 1.5f, 2.5f, 4, 7};
    uint32_t class = 0;
    while (class < LEADS - 1 && lead >= from[class])
        class ++;
    return class;
}

static double draft_cost(const struct pass_costs *c)
{
    return c->draft > 0 ? c->draft : DRAFT_COST * cost_of(c, 1);
}

/* Is one guess more likely to be worth its two passes, when so many tokens are expected of a pass
 * of so many rows, and this is how likely all so far are right? */
static bool pays(const struct speculation *s, double tokens, uint32_t rows, double right)
{
    double now = tokens / cost_of(s->costs, rows) * WORTH;
    double then = cost_of(s->costs, rows + 1) + draft_cost(s->costs);
    return (tokens + right * s->d.mean) / then > now;
}

/* Makes guesses while another is likely to pay; the number of those that are worth a row. */
static uint32_t draft_some(struct speculation *s, uint32_t rows, uint32_t most)
{
    struct drafting *d = &s->d;
    double right = 1, tokens = rows, least = rows / cost_of(s->costs, rows) * WORTH;
    uint32_t best = 0;
    for (;;) {
        float lead;
        uint32_t i = d->n_guess++, id = draft_next(&d->draft, s->n_vocab, &lead);
        d->guess[i] = id;
        d->class[i] = class_of_lead(lead);
        right *= d->right[d->class[i]];
        tokens += right;
        double rate = tokens / cost_of(s->costs, rows + i + 1);
        if (rate > least) {
            least = rate;
            best = i + 1;
        }
        if (i + 1 == most || !pays(s, tokens, rows + i + 1, right) || !draft_push(&d->draft, id))
            return best;
    }
}

static uint32_t guess_by_draft(struct speculation *s, uint32_t rows, uint32_t most, uint32_t *token)
{
    struct drafting *d = &s->d;
    bool asked = d->passes >= ASK_AGAIN;
    d->passes++;
    d->n_guess = d->at = 0;
    if (!asked && !pays(s, rows, rows, 1))
        return 0;
    uint32_t behind = d->draft.t.n + DECODE_TOKENS < d->n; /* it reads on: nothing to learn of it */
    uint64_t t0 = os_now_ns();
    if (!draft_read(&d->draft, d->text, d->n))
        return 0;
    uint32_t n = draft_some(s, rows, most);
    double seconds = (double)(os_now_ns() - t0) * 1e-9 / d->n_guess, *known = &s->costs->draft;
    if (!behind)
        *known = *known > 0 ? *known + COST_NEW * (seconds - *known) : seconds;
    d->passes = 0;
    memcpy(token, d->guess, n * sizeof *token);
    return n;
}

uint32_t speculation_guess(struct speculation *s, uint32_t rows, uint32_t most, uint32_t *token)
{
    uint32_t room = rows < DECODE_TOKENS ? DECODE_TOKENS - rows : 0;
    most = most < room ? most : room;
    s->d.n_guess = s->d.at = 0;
    if (most == 0)
        return 0;
    uint32_t n = guess_from_text(s, rows, most, token);
    return n || !s->has_draft ? n : guess_by_draft(s, rows, most, token);
}
