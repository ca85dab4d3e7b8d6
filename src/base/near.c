/* SPDX-License-Identifier: Apache-2.0 */
/* base/near: see near.h. */
#include "base/near.h"

#include <string.h>

enum { NEAR_MAX = 48 }; /* longer words are no typing mistakes of ours */

static char fold(char c)
{
    if (c == '_')
        return '-';
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t min2(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance with swaps of neighbours ("optimal string alignment"); both at most NEAR_MAX. */
static size_t distance(struct str a, struct str b)
{
    size_t rows[3][NEAR_MAX + 1], *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        last[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t cost = fold(a.p[i - 1]) != fold(b.p[j - 1]);
            now[j] = min2(min2(now[j - 1], last[j]) + 1, last[j - 1] + cost);
            if (i > 1 && j > 1 && fold(a.p[i - 1]) == fold(b.p[j - 2]) &&
                fold(a.p[i - 2]) == fold(b.p[j - 1]))
                now[j] = min2(now[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b.n];
}

void near_init(struct near *n, struct str word)
{
    *n = (struct near){word, NULL, SIZE_MAX};
}

void near_offer(struct near *n, const char *candidate)
{
    struct str c = str_of(candidate);
    if (!c.n || c.n > NEAR_MAX || !n->word.n || n->word.n > NEAR_MAX)
        return;
    size_t d = distance(n->word, c);
    if (d < n->distance) {
        n->distance = d;
        n->best = candidate;
    }
}

const char *near_best(const struct near *n)
{
    /* One mistake in a short word, up to a third of a long one. */
    size_t allowed = n->word.n <= 3 ? 1 : 1 + n->word.n / 3;
    return n->best && n->distance <= allowed ? n->best : NULL;
}
