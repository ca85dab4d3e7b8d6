/* SPDX-License-Identifier: Apache-2.0 */
/* run/prompt_pace: see prompt_pace.h. */
#include "run/prompt_pace.h"

#define FIRST_TPS  500.0 /* until there is a measurement */
#define LONGER     1.25  /* times as long as it was to be, at most */
#define FADE       0.9   /* what a pass counts for after another one */
#define ROUNDED    16    /* a difference that callers do not round away */
#define SPREAD     0.01 /* of the tokens (variance over squared mean), to tell one from the other */
#define MOST_FIXED 0.95 /* of the time of a pass of the usual length */

void prompt_pace_init(struct prompt_pace *p)
{
    *p = (struct prompt_pace){.each = 1 / FIRST_TPS, .tps = FIRST_TPS};
}

static void fit(struct prompt_pace *p)
{
    double mean = p->x / p->n, seconds = p->t / p->n, spread = p->xx / p->n - mean * mean;
    double each = p->each;
    if (spread > SPREAD * mean * mean)
        each = (p->xt / p->n - mean * seconds) / spread;
    else
        each = (seconds - p->fixed) / mean; /* all of a length: the last known share is kept */
    double most = seconds / mean, least = (1 - MOST_FIXED) * most;
    p->each = each < least ? least : each > most ? most : each;
    p->fixed = seconds - p->each * mean;
}

void prompt_pace_note(struct prompt_pace *p, uint32_t tokens, double seconds)
{
    double x = tokens;
    if (tokens == 0 || seconds <= 0)
        return;
    p->n = p->n * FADE + 1;
    p->x = p->x * FADE + x;
    p->xx = p->xx * FADE + x * x;
    p->t = p->t * FADE + seconds;
    p->xt = p->xt * FADE + x * seconds;
    p->tps += (x / seconds - p->tps) * 0.5;
    fit(p);
}

double prompt_pace_tokens(struct prompt_pace *p, double seconds)
{
    double twice = 2 * p->fixed, most = LONGER * seconds;
    double least = twice < most ? twice : most; /* of a pass that is worth its fixed cost */
    double n = ((seconds > least ? seconds : least) - p->fixed) / p->each;
    n = n > 0 ? n : 0;
    return p->turn++ % 2 ? n * 0.85 : n * 1.15 + ROUNDED;
}
