/* SPDX-License-Identifier: Apache-2.0 */
/* fetch/source: see source.h. */
#include "fetch/source.h"

#include <string.h>

#include "base/os.h"
#include "fetch/retry.h"

#define WINDOW_NS 500000000ull

enum { MOST = 255, CALM = 16 };

bool source_init(struct source *s, const char *url, struct err *e)
{
    struct hash h;
    struct str text = str_of(url);
    *s = (struct source){.url = url, .most = MOST, .asked = true};
    if (!url_parse(&s->parsed, url, e) || !hash_of(&text, 1, &h, e))
        return false;
    memcpy(s->known.id, h.b, JOURNAL_ID);
    return true;
}

bool source_usable(const struct source *s, uint64_t now_ns)
{
    uint32_t most = s->whole ? 1 : s->most;
    if (!s->answered)
        most = 1;
    return s->asked && !s->out && !s->silent && s->ready_ns <= now_ns && s->active < most;
}

const char *source_address(const struct source *s)
{
    return s->effective[0] ? s->effective : s->url;
}

struct source *source_first(struct source *v, uint32_t n, int except, uint64_t now_ns)
{
    for (uint32_t i = 0; i < n; i++)
        if ((int)i != except && source_usable(&v[i], now_ns))
            return &v[i];
    return NULL;
}

static double promise(const struct source *s, bool spread)
{
    return spread ? s->rate / (1 + s->active) : s->rate;
}

struct source *source_best(struct source *v, uint32_t n, int except, bool spread, uint64_t now_ns)
{
    struct source *best = NULL;
    double much = spread ? 1.2 : 2;
    for (uint32_t i = 0; i < n; i++) {
        if ((int)i == except || !source_usable(&v[i], now_ns))
            continue;
        if (v[i].rate == 0 && v[i].active == 0)
            return &v[i];
        if (!best || promise(&v[i], spread) > much * promise(best, spread))
            best = &v[i];
    }
    return best;
}

void source_measure(struct source *s, uint64_t bytes, uint64_t now_ns)
{
    if (now_ns < s->window_ns + WINDOW_NS)
        return;
    if (s->window_ns && s->active && bytes >= s->window_bytes) {
        double seconds = (double)(now_ns - s->window_ns) / 1e9;
        double rate = (double)(bytes - s->window_bytes) / seconds / s->active;
        s->rate = s->rate > 0 ? (s->rate + rate) / 2 : rate;
    }
    s->window_ns = s->active ? now_ns : 0;
    s->window_bytes = bytes;
}

void source_worked(struct source *s, uint64_t bytes, uint64_t ns)
{
    s->failures = 0;
    s->told = false;
    if (++s->calm >= CALM && s->most < MOST) {
        s->most++;
        s->calm = 0;
    }
    if (ns == 0 || bytes < HASH_LEAF_BYTES / 4)
        return;
    if (s->rate == 0)
        s->rate = (double)bytes * 1e9 / (double)ns;
}

void source_failed(struct source *s, uint64_t asked_s, uint64_t now_ns)
{
    uint32_t random = 0;
    if (!os_random(&random, sizeof random, NULL))
        random = 0; /* no scatter then */
    s->failures++;
    s->calm = 0;
    if (s->active > 0)
        s->most = s->active;
    s->ready_ns = now_ns + retry_pause_ns(s->failures, asked_s, random);
}
