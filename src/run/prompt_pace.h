/* SPDX-License-Identifier: Apache-2.0 */
/* run/prompt_pace: how many tokens of prompts a pass may read to take so long.
 *
 * A pass costs something whatever it reads (the weights come past once), and something for each
 * token. Both are estimated from the last passes, a line fitted by least squares. If only the ratio
 * of tokens and time were known, small passes would look slow and be made ever smaller. */
#ifndef MOAT_RUN_PROMPT_PACE_H
#define MOAT_RUN_PROMPT_PACE_H

#include <stdint.h>

struct prompt_pace {
    double n, x, xx, t, xt; /* sums over the passes, old ones fading: 1, tokens, seconds */
    double fixed, each;     /* seconds of a pass, and of a token more */
    double tps;             /* tokens a second as it is now */
    uint32_t turn;
};

void prompt_pace_init(struct prompt_pace *p);
void prompt_pace_note(struct prompt_pace *p, uint32_t tokens, double seconds);
/* For a pass of so many seconds; where what a pass costs anyway is more than half of that, it may
 * be somewhat longer, for as many as cost as much again. Varies a little, so that there is
 * something to learn from. May be less than one. */
double prompt_pace_tokens(struct prompt_pace *p, double seconds);

#endif
