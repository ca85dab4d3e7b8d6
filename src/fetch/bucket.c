/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/bucket: see bucket.h. */
#include "fetch/bucket.h"

#define SECOND 1e9

void bucket_init(struct bucket *b, uint64_t rate, uint64_t now_ns)
{
    *b = (struct bucket){.rate = rate, .now_ns = now_ns};
}

/* What was not used within a tenth of a second is lost: no burst after a pause. */
static void refill(struct bucket *b, uint64_t now_ns)
{
    double most = (double)b->rate / 10;
    if (now_ns < b->now_ns)
        return;
    b->tokens += (double)(now_ns - b->now_ns) / SECOND * (double)b->rate;
    b->now_ns = now_ns;
    if (b->tokens > most)
        b->tokens = most;
}

bool bucket_take(struct bucket *b, uint64_t n, uint64_t now_ns)
{
    if (b->rate == 0)
        return true;
    refill(b, now_ns);
    if (b->tokens <= 0)
        return false;
    b->tokens -= (double)n;
    return true;
}

uint64_t bucket_wait_ns(struct bucket *b, uint64_t now_ns)
{
    if (b->rate == 0)
        return 0;
    refill(b, now_ns);
    return b->tokens > 0 ? 0 : (uint64_t)(-b->tokens / (double)b->rate * SECOND) + 1;
}
