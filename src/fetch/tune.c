/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/tune: see tune.h. */
#include "fetch/tune.h"

#define SECOND 1000000000ull
#define SHORT  (SECOND / 4) /* while growing */
#define LONG   (15 * SECOND)

enum { TUNE_FIRST = 4 };

static uint32_t at_most(uint32_t n, uint32_t most)
{
    return n < most ? n : most;
}

void tune_init(struct tune *t, uint32_t most, uint64_t now_ns, uint64_t bytes)
{
    *t = (struct tune){.wanted = at_most(TUNE_FIRST, most),
                       .before = at_most(TUNE_FIRST, most),
                       .most = most,
                       .window_ns = now_ns,
                       .window_bytes = bytes,
                       .length_ns = SHORT};
}

static void measure_from(struct tune *t, uint64_t now_ns, uint64_t bytes, uint64_t length_ns)
{
    t->window_ns = now_ns;
    t->window_bytes = bytes;
    t->length_ns = length_ns;
}

uint32_t tune_step(struct tune *t, uint64_t now_ns, uint64_t bytes)
{
    uint64_t past = now_ns > t->window_ns ? now_ns - t->window_ns : 0;
    if (past < t->length_ns || bytes < t->window_bytes)
        return t->wanted;
    double rate = (double)(bytes - t->window_bytes) * SECOND / (double)past;
    if (t->length_ns == LONG || rate > t->rate * TUNE_GAIN) {
        t->before = t->wanted;
        t->wanted = at_most(2 * t->wanted, t->most);
        t->rate = rate;
        measure_from(t, now_ns, bytes, t->wanted > t->before ? SHORT : LONG);
    } else {
        t->wanted = t->before;
        measure_from(t, now_ns, bytes, LONG);
    }
    return t->wanted;
}
